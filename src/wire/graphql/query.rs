//! Reads a query: one operation, fields with arguments, variables put in. Fragments and directives are refused. Source: `graphql/graphql-spec: spec/Section 2 -- Language.md`.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

/// Fields in fields, lists in lists: deeper is refused.
const DEEPEST: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Syntax Error: {0}")]
pub struct Malformed(pub String);

/// A field of the answer that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name in the answer.
    pub alias: String,
    pub name: String,
    /// Values with variables put in; the names of enums are texts.
    pub arguments: BTreeMap<String, Value>,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Sign(char),
    Name(String),
    Text(String),
    Number(Number),
    End,
}

/// The fields of the query's one operation.
pub fn read(query: &str, variables: &Map<String, Value>) -> Result<Vec<Field>, Malformed> {
    let mut reader = Reader { tokens: tokens(query)?, at: 0, variables };
    reader.operation()
}

fn wrong(what: impl Into<String>) -> Malformed {
    Malformed(what.into())
}

fn tokens(query: &str) -> Result<Vec<Token>, Malformed> {
    let mut tokens = Vec::new();
    let mut letters = query.chars().peekable();
    while let Some(&letter) = letters.peek() {
        match letter {
            ' ' | '\t' | '\r' | '\n' | ',' | '\u{feff}' => drop(letters.next()),
            '#' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' => {
                tokens.push(Token::Sign(letter));
                letters.next();
            }
            '"' => {
                letters.next();
                tokens.push(Token::Text(string(&mut letters)?));
            }
            '-' | '0'..='9' => {
                let mut digits = String::new();
                while let Some(digit) = letters.next_if(|it| it.is_ascii_alphanumeric() || "+-.".contains(*it)) {
                    digits.push(digit);
                }
                let number = serde_json::from_str(&digits).map_err(|_| wrong(format!("Invalid number {digits:?}.")))?;
                tokens.push(Token::Number(number));
            }
            'A'..='Z' | 'a'..='z' | '_' => {
                let mut name = String::new();
                while let Some(letter) = letters.next_if(|it| it.is_ascii_alphanumeric() || *it == '_') {
                    name.push(letter);
                }
                tokens.push(Token::Name(name));
            }
            other => return Err(wrong(format!("Unexpected character {other:?}."))),
        }
    }
    Ok(tokens)
}

/// A quoted string after its first quote: the escapes are those of JSON.
fn string(letters: &mut impl Iterator<Item = char>) -> Result<String, Malformed> {
    let mut quoted = String::from('"');
    loop {
        match letters.next() {
            None | Some('\n') => return Err(wrong("Unterminated string.")),
            Some('\\') => {
                quoted.push('\\');
                quoted.extend(letters.next());
            }
            Some('"') => {
                quoted.push('"');
                return serde_json::from_str(&quoted).map_err(|_| wrong("Invalid string."));
            }
            Some(letter) => quoted.push(letter),
        }
    }
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    variables: &'a Map<String, Value>,
}

impl Reader<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: char) -> bool {
        let is = *self.peek() == Token::Sign(sign);
        self.at += usize::from(is);
        is
    }

    fn sign(&mut self, sign: char) -> Result<(), Malformed> {
        if self.takes(sign) { Ok(()) } else { Err(wrong(format!("Expected {sign:?}, found {:?}.", self.peek()))) }
    }

    fn name(&mut self) -> Result<String, Malformed> {
        match self.next() {
            Token::Name(name) => Ok(name),
            other => Err(wrong(format!("Expected a name, found {other:?}."))),
        }
    }

    fn operation(&mut self) -> Result<Vec<Field>, Malformed> {
        if let Token::Name(kind) = self.peek().clone() {
            if kind != "query" {
                return Err(wrong(format!("Unexpected {kind:?}: only queries are answered here.")));
            }
            self.at += 1;
            if matches!(self.peek(), Token::Name(_)) {
                self.at += 1;
            }
            if self.takes('(') {
                // What a variable is said to be does not matter: its value shows.
                while !self.takes(')') {
                    if self.next() == Token::End {
                        return Err(wrong("Unterminated variable definitions."));
                    }
                }
            }
        }
        let fields = self.selection(0)?;
        match self.peek() {
            Token::End => Ok(fields),
            other => Err(wrong(format!("Unexpected {other:?} after the query."))),
        }
    }

    fn selection(&mut self, depth: usize) -> Result<Vec<Field>, Malformed> {
        if depth > DEEPEST {
            return Err(wrong("Nested too deep."));
        }
        self.sign('{')?;
        let mut fields = Vec::new();
        while !self.takes('}') {
            let (mut name, mut alias) = (self.name()?, None);
            if self.takes(':') {
                alias = Some(std::mem::replace(&mut name, self.name()?));
            }
            let mut arguments = BTreeMap::new();
            if self.takes('(') {
                while !self.takes(')') {
                    let argument = self.name()?;
                    self.sign(':')?;
                    arguments.insert(argument, self.value(0)?);
                }
            }
            let nested = *self.peek() == Token::Sign('{');
            let fields_of = if nested { self.selection(depth + 1)? } else { vec![] };
            fields.push(Field { alias: alias.unwrap_or_else(|| name.clone()), name, arguments, fields: fields_of });
        }
        if fields.is_empty() { Err(wrong("An empty selection.")) } else { Ok(fields) }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > DEEPEST {
            return Err(wrong("Nested too deep."));
        }
        Ok(match self.next() {
            Token::Text(text) => Value::String(text),
            Token::Number(number) => Value::Number(number),
            Token::Name(name) => match name.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::String(name),
            },
            Token::Sign('$') => {
                let name = self.name()?;
                let value = self.variables.get(&name).cloned();
                value.ok_or_else(|| wrong(format!("Variable \"${name}\" was not provided.")))?
            }
            Token::Sign('[') => {
                let mut items = Vec::new();
                while !self.takes(']') {
                    items.push(self.value(depth + 1)?);
                }
                Value::Array(items)
            }
            Token::Sign('{') => {
                let mut object = Map::new();
                while !self.takes('}') {
                    let name = self.name()?;
                    self.sign(':')?;
                    object.insert(name, self.value(depth + 1)?);
                }
                Value::Object(object)
            }
            other => return Err(wrong(format!("Unexpected {other:?}."))),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn aliases_arguments_and_variables_are_read() {
        let variables = json!({ "most": 7 }).as_object().cloned().unwrap();
        let query = r#"query list($most: Int!) { # everything
            items: nodeContracts(where: {twinID_eq: 3, state_in: [Created, GracePeriod], AND: [{a_contains: "\"x\""}]}, limit: $most) { id }
            __typename
        }"#;
        let fields = read(query, &variables).unwrap();
        assert_eq!((fields[0].alias.as_str(), fields[0].name.as_str()), ("items", "nodeContracts"));
        assert_eq!(fields[0].arguments["limit"], 7);
        let wanted = json!({ "twinID_eq": 3, "state_in": ["Created", "GracePeriod"], "AND": [{ "a_contains": "\"x\"" }] });
        assert_eq!(fields[0].arguments["where"], wanted);
        assert_eq!((fields[0].fields[0].name.as_str(), fields[1].name.as_str()), ("id", "__typename"));
    }

    #[test]
    fn what_is_not_a_query_is_refused() {
        let deep = format!("{}a{}", "{a".repeat(40), "}".repeat(40));
        for query in
            ["", "{}", "{a", "{a(}", "{a(b:)}", "{a(b:$c)}", "{a} {b}", "mutation {a}", "{a(b:1e)}", "{a(b:\"\n\")}", &deep]
        {
            assert!(read(query, &Map::new()).is_err(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise: String, marks in "[{}()\\[\\]:$\"a-c1 ,.-]{0,80}") {
            let _ = read(&noise, &Map::new());
            let _ = read(&marks, &Map::new());
            let _ = read(&format!("{{ a(where: {{ b_eq: {marks} }}) {{ c }} }}"), &Map::new());
        }
    }
}
