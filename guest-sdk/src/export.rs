//! From a plugin's type to a component's exports.

/// Exports a plugin: its type, and the hooks it implements.
///
/// ```ignore
/// export!(Chat: connect, open, defaults, prepare, modify, handlers(Ping, Join), close);
/// ```
///
/// `self_test` in the list is no hook: it exports the fixtures of
/// [`SelfTest`](crate::SelfTest).
///
/// The component exports these hooks and `describe`, which is made from the list: the
/// version is that of the crate that calls the macro. Outside WebAssembly nothing is
/// exported, but everything is checked, so that `cargo test` works.
#[macro_export]
macro_rules! export {
    ($plugin:ident $(: $($hook:ident $(($($handler:ty),+ $(,)?))?),+ $(,)?)?) => {
        impl $crate::__private::Plugin for $plugin {
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");
            const HOOKS: &'static [&'static str] = &[$($(stringify!($hook)),+)?];
            const MESSAGE_TYPES: &'static [$crate::__private::MessageType] =
                &[$($($($($crate::__private::MessageType::of::<$handler>(),)+)?)+)?];
        }
        const _: () = assert!(
            $crate::__private::no_two_alike(
                <$plugin as $crate::__private::Plugin>::MESSAGE_TYPES
            ),
            "two handlers have the same TYPE"
        );
        $crate::__export_interface!($plugin describe);
        $($($crate::__export_hook!($plugin $hook $(($($handler),+))?);)+)?
    };
}

/// One entry of the list. An arm for each hook, so that a misspelt one says so.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_hook {
    ($plugin:ident connect) => { $crate::__export_interface!($plugin connect); };
    ($plugin:ident open) => { $crate::__export_interface!($plugin open); };
    ($plugin:ident defaults) => { $crate::__export_interface!($plugin defaults); };
    ($plugin:ident prepare) => { $crate::__export_interface!($plugin prepare); };
    ($plugin:ident modify) => { $crate::__export_interface!($plugin modify); };
    ($plugin:ident close) => { $crate::__export_interface!($plugin close); };
    ($plugin:ident self_test) => { $crate::__export_interface!($plugin self_test); };
    ($plugin:ident handlers ($($handler:ty),+)) => {
        impl $crate::__private::Handlers for $plugin {
            fn dispatch(
                call: &$crate::Call,
                message_type: &str,
                message: &str,
            ) -> $crate::Result<Option<String>> {
                $(if message_type == <$handler as $crate::Handler>::TYPE {
                    return $crate::__private::answer::<$handler>(call, message);
                })+
                $crate::__private::unknown(message_type)
            }
        }
        $crate::__export_interface!($plugin handlers);
    };
    ($plugin:ident handlers) => {
        compile_error!("`handlers` lists the types it answers: `handlers(Ping, Join)`");
    };
    ($plugin:ident $($other:tt)+) => {
        compile_error!(concat!(
            "`", stringify!($($other)+), "` is no hook; the hooks are connect, open, defaults, ",
            "prepare, modify, handlers(...) and close; self_test may be listed, too"
        ));
    };
}

/// The functions that the host calls.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_interface {
    ($plugin:ident $interface:ident) => {
        const _: () = {
            type Exports = $crate::__private::Exports<$plugin>;
            #[cfg(target_family = "wasm")]
            $crate::bindings::$interface::export!(
                Exports with_types_in $crate::bindings::$interface
            );
            // Symbols like these are no names for a native linker.
            #[cfg(not(target_family = "wasm"))]
            {
                const fn check<T: $crate::bindings::$interface::Guest>() {}
                check::<Exports>();
            }
        };
    };
}
