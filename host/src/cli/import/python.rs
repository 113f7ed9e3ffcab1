//! The part of Python's expressions that configs are written in, read into a tree.

/// An expression. What is not in here is no expression that could be translated.
#[derive(Debug, Clone, PartialEq)]
pub enum Python {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    List(Vec<Python>),
    Dict(Vec<(Python, Python)>),
    Attribute(Box<Python>, String),
    Index(Box<Python>, Box<Python>),
    Call {
        function: Box<Python>,
        arguments: Vec<Python>,
        named: Vec<(String, Python)>,
    },
    Not(Box<Python>),
    Negative(Box<Python>),
    /// The operator as Python writes it; `is` and `is not`, `in` and `not in` among them.
    Binary(&'static str, Box<Python>, Box<Python>),
    Conditional {
        condition: Box<Python>,
        then: Box<Python>,
        otherwise: Box<Python>,
    },
}

/// Reads an expression; none where it has anything that is not understood.
pub fn parse(text: &str) -> Option<Python> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, at: 0 };
    let expression = parser.expression()?;
    (parser.at == parser.tokens.len()).then_some(expression)
}

/// What the arguments of `.update(…)` set: those of maps, and named ones. None where that
/// can't be known.
pub fn updates<'p>(
    arguments: &'p [Python],
    named: &'p [(String, Python)],
) -> Option<Vec<(&'p str, &'p Python)>> {
    let mut updates = Vec::new();
    for argument in arguments {
        let Python::Dict(entries) = argument else {
            return None;
        };
        for (key, value) in entries {
            let Python::Text(key) = key else {
                return None;
            };
            updates.push((key.as_str(), value));
        }
    }
    updates.extend(named.iter().map(|(key, value)| (key.as_str(), value)));
    Some(updates)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Int(i64),
    Float(f64),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 25] = [
    "==", "!=", "<=", ">=", "**", "//", "(", ")", "[", "]", "{", "}", ",", ":", ".", "+", "-", "*",
    "/", "%", "<", ">", "=", "|", "&",
];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length;
        if let Some((prefix, quoted)) = string_start(rest) {
            let (value, used) = string(prefix, quoted)?;
            tokens.push(Token::Text(value));
            length = rest.len() - quoted.len() + used;
        } else if first.is_ascii_digit() {
            let part = |c: char| c.is_ascii_alphanumeric() || c == '.';
            length = rest.find(|c| !part(c)).unwrap_or(rest.len());
            let number = &rest[..length];
            let token = number.parse().map(Token::Int).ok();
            tokens.push(token.or_else(|| number.parse().map(Token::Float).ok())?);
        } else if first.is_alphabetic() || first == '_' {
            let part = |c: char| c.is_alphanumeric() || c == '_';
            length = rest.find(|c| !part(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
            tokens.push(Token::Sign(sign));
            length = sign.len();
        }
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// Where a string begins: its prefix in small letters, and the text from the quote on.
fn string_start(rest: &str) -> Option<(String, &str)> {
    let quote = rest.find(['\'', '"'])?;
    let prefix = rest[..quote].to_ascii_lowercase();
    let known = matches!(prefix.as_str(), "" | "r" | "u" | "f" | "rf" | "fr");
    known.then(|| (prefix, &rest[quote..]))
}

/// The value of a string that begins with its quote, and the bytes that it takes.
fn string(prefix: String, quoted: &str) -> Option<(String, usize)> {
    let quote = quoted.chars().next()?;
    let triple = quote.to_string().repeat(3);
    if quoted.starts_with(&triple) {
        return None;
    }
    let mut value = String::new();
    let mut characters = quoted.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            c if c == quote => {
                // What an f-string puts in can't be known.
                let constant = !prefix.contains('f') || !value.contains(['{', '}']);
                return constant.then_some((value, at + 1));
            }
            '\\' if prefix.contains('r') => {
                value.push('\\');
                value.push(characters.next()?.1);
            }
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                c @ ('\\' | '\'' | '"') => value.push(c),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

/// Operators by how tightly they bind, loosest first, behind `not`.
const LEVELS: [&[&str]; 3] = [
    &[
        "==", "!=", "<=", ">=", "<", ">", "in", "not in", "is", "is not",
    ],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Parser {
    /// `a if b else c`, and what binds more tightly.
    fn expression(&mut self) -> Option<Python> {
        let then = self.any()?;
        if !self.word("if") {
            return Some(then);
        }
        let condition = self.any()?;
        if !self.word("else") {
            return None;
        }
        Some(Python::Conditional {
            condition: Box::new(condition),
            then: Box::new(then),
            otherwise: Box::new(self.expression()?),
        })
    }

    fn any(&mut self) -> Option<Python> {
        let mut left = self.all()?;
        while self.word("or") {
            left = Python::Binary("or", Box::new(left), Box::new(self.all()?));
        }
        Some(left)
    }

    fn all(&mut self) -> Option<Python> {
        let mut left = self.negation()?;
        while self.word("and") {
            left = Python::Binary("and", Box::new(left), Box::new(self.negation()?));
        }
        Some(left)
    }

    fn negation(&mut self) -> Option<Python> {
        if self.word("not") {
            return Some(Python::Not(Box::new(self.negation()?)));
        }
        self.binary(0)
    }

    fn binary(&mut self, level: usize) -> Option<Python> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        let mut compared = false;
        while let Some(operator) = self.operator(operators) {
            // `a < b < c` means something else than in other languages.
            if level == 0 && std::mem::replace(&mut compared, true) {
                return None;
            }
            let right = self.binary(level + 1)?;
            left = Python::Binary(operator, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Python> {
        if self.sign("-") {
            return Some(Python::Negative(Box::new(self.unary()?)));
        }
        let mut expression = self.atom()?;
        loop {
            if self.sign(".") {
                let name = self.name()?;
                expression = Python::Attribute(Box::new(expression), name);
            } else if self.sign("[") {
                let index = self.expression()?;
                self.sign("]").then_some(())?;
                expression = Python::Index(Box::new(expression), Box::new(index));
            } else if self.sign("(") {
                expression = self.call(expression)?;
            } else {
                return Some(expression);
            }
        }
    }

    fn call(&mut self, function: Python) -> Option<Python> {
        let (mut arguments, mut named) = (Vec::new(), Vec::new());
        while !self.sign(")") {
            let is_named = self.tokens.get(self.at + 1) == Some(&Token::Sign("="));
            if is_named {
                let name = self.name()?;
                self.sign("=").then_some(())?;
                named.push((name, self.expression()?));
            } else {
                arguments.push(self.expression()?);
            }
            self.separated(")")?;
        }
        Some(Python::Call {
            function: Box::new(function),
            arguments,
            named,
        })
    }

    fn atom(&mut self) -> Option<Python> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        Some(match token {
            Token::Int(number) => Python::Int(number),
            Token::Float(number) => Python::Float(number),
            Token::Text(text) => Python::Text(text),
            Token::Word(word) => match word.as_str() {
                "None" => Python::None,
                "True" => Python::Bool(true),
                "False" => Python::Bool(false),
                "lambda" | "for" | "if" | "else" | "not" | "and" | "or" | "in" | "is" => {
                    return None;
                }
                _ => Python::Name(word),
            },
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.sign(")").then_some(inner)?
            }
            Token::Sign("[") => {
                let mut items = Vec::new();
                while !self.sign("]") {
                    items.push(self.expression()?);
                    self.separated("]")?;
                }
                Python::List(items)
            }
            Token::Sign("{") => {
                let mut entries = Vec::new();
                while !self.sign("}") {
                    let key = self.expression()?;
                    self.sign(":").then_some(())?;
                    entries.push((key, self.expression()?));
                    self.separated("}")?;
                }
                Python::Dict(entries)
            }
            Token::Sign(_) => return None,
        })
    }

    /// A comma, or the end that follows.
    fn separated(&mut self, end: &str) -> Option<()> {
        let ends = matches!(self.tokens.get(self.at), Some(Token::Sign(sign)) if *sign == end);
        (ends || self.sign(",")).then_some(())
    }

    fn operator(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        let word = |at: usize| match self.tokens.get(at) {
            Some(Token::Word(word)) => word.as_str(),
            Some(Token::Sign(sign)) => sign,
            _ => "",
        };
        let two = format!("{} {}", word(self.at), word(self.at + 1));
        let one = word(self.at);
        let found = operators.iter().find(|operator| **operator == two);
        let found = found.or_else(|| operators.iter().find(|operator| **operator == one));
        let operator = *found?;
        self.at += operator.split(' ').count();
        Some(operator)
    }

    fn name(&mut self) -> Option<String> {
        let Some(Token::Word(word)) = self.tokens.get(self.at) else {
            return None;
        };
        self.at += 1;
        Some(word.clone())
    }

    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(sign)) if *sign == wanted);
        self.at += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_binds_together_stays_together() {
        let same = |one: &str, other: &str| {
            let parsed = parse(one);
            assert!(parsed.is_some(), "{one}");
            assert_eq!(parsed, parse(other), "{one}");
        };
        same("a or b and not c == d", "a or (b and (not (c == d)))");
        same("1 - 2 - 3 * 4", "(1 - 2) - (3 * 4)");
        same("-a.b[0](c, d=1,)", "-(((a.b)[0])(c, d=1))");
        same("a if b else c if d else e", "a if b else (c if d else e)");
        same("x not in [1, 2]", "(x) not in ([1, 2])");
        same("'it\\'s'", "\"it's\"");
        same("f'all@example.org'", "'all@example.org'");
    }

    #[test]
    fn what_is_not_understood_is_nothing() {
        for text in [
            "",
            "a b",
            "f'{a}'",
            "lambda: 1",
            "[x for x in y]",
            "a < b < c",
            "'''a'''",
            "a := 1",
            "a if b",
            "'open",
            "print(*a)",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
