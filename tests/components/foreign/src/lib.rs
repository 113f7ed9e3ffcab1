//! A valid component that has nothing to do with Hookcast.

wit_bindgen::generate!({
    inline: "
        package example:foreign;

        interface greeter {
            greet: func(name: string) -> string;
        }

        world foreign {
            export greeter;
        }
    ",
});

struct Foreign;

export!(Foreign);

impl exports::example::foreign::greeter::Guest for Foreign {
    fn greet(name: String) -> String {
        format!("Hello, {name}!")
    }
}
