//! The blocks of a page, and what comments say about them.

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// As after the opening fence: `sh`, `text`, `js` …
    pub language: String,
    pub text: String,
    /// Where it is run: `<!-- folder A, B -->` holds until the next one.
    pub folders: Vec<String>,
    /// `<!-- file PATH -->`: what it is written to.
    pub file: Option<String>,
    /// `<!-- append PATH -->`: what it is added to.
    pub append: Option<String>,
    /// `<!-- fails -->`: its last command does.
    pub fails: bool,
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut folders: Vec<String> = Vec::new();
    let (mut file, mut append, mut fails) = (None, None, false);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let comment = line.strip_prefix("<!-- ");
        if let Some(comment) = comment.and_then(|rest| rest.strip_suffix(" -->")) {
            let (word, rest) = comment.split_once(' ').unwrap_or((comment, ""));
            match word {
                "folder" => folders = rest.split(", ").map(str::to_owned).collect(),
                "file" => file = Some(rest.to_owned()),
                "append" => append = Some(rest.to_owned()),
                "fails" => fails = true,
                _ => panic!("what is `{line}`?"),
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            assert!(!folders.is_empty(), "no folder for ```{language}");
            blocks.push(Block {
                language: language.to_owned(),
                text: text.join("\n"),
                folders: folders.clone(),
                file: file.take(),
                append: append.take(),
                fails: std::mem::take(&mut fails),
            });
        }
    }
    blocks
}
