//! Subset of CEL, Kubernetes' expression language, that the admission policies here are written in.
//!
//! Types are not checked, and a constructor such as `Object.spec{...}` returns a plain map; the API
//! server is stricter. An expression outside this subset is an error.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value, json};

use crate::object::{list, text};

/// Names and their values.
pub type Scope = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Literal(Value),
    Symbol(char),
    End,
}

#[derive(Debug, Clone)]
enum Expression {
    Literal(Value),
    Name(String),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Member(Box<Expression>, String),
    /// Index, with true for `[?...]`: a missing value is null.
    Index(Box<Expression>, Box<Expression>, bool),
    Call(Option<Box<Expression>>, String, Vec<Expression>),
    Binary(char, Box<Expression>, Box<Expression>),
}

/// Returns the value of an expression.
pub fn evaluate(source: &str, scope: &Scope) -> Result<Value, String> {
    let mut parser = Parser {
        characters: source.chars().peekable(),
        token: Token::End,
    };
    parser.advance()?;
    let expression = parser.comparison()?;
    parser.is_at(&Token::End)?;
    expression.value(scope)
}

struct Parser<'a> {
    characters: Peekable<Chars<'a>>,
    token: Token,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, String> {
        while self.characters.next_if(|c| c.is_whitespace()).is_some() {}
        let next = match self.characters.next() {
            None => Token::End,
            Some('"') => {
                let mut content = String::new();
                loop {
                    match self.characters.next() {
                        Some('"') => break,
                        None | Some('\\') => {
                            return Err(format!("unterminated string: `{content}`"));
                        }
                        Some(c) => content.push(c),
                    }
                }
                Token::Literal(content.into())
            }
            Some(c) if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
                while let Some(c) = self.characters.next_if(is_part) {
                    word.push(c);
                }
                match word.parse::<i64>() {
                    Ok(number) => Token::Literal(number.into()),
                    Err(_) if word == "true" || word == "false" => {
                        Token::Literal((word == "true").into())
                    }
                    Err(_) => Token::Name(word),
                }
            }
            Some(c) => Token::Symbol(c),
        };
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is_at(&self, token: &Token) -> Result<(), String> {
        match self.token == *token {
            true => Ok(()),
            false => Err(format!("expected {token:?}, found {:?}", self.token)),
        }
    }

    /// Consumes a symbol if it is next.
    fn takes(&mut self, symbol: char) -> Result<bool, String> {
        let is_next = self.token == Token::Symbol(symbol);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        self.is_at(&Token::Symbol(symbol))?;
        self.advance().map(|_| ())
    }

    fn name(&mut self) -> Result<String, String> {
        match self.advance()? {
            Token::Name(name) => Ok(name),
            other => Err(format!("expected a name, found {other:?}")),
        }
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        self.binary('<', |parser| {
            parser.binary('+', |parser| {
                let first = parser.primary()?;
                parser.postfix(first)
            })
        })
    }

    fn binary(
        &mut self,
        operator: char,
        operand: impl Fn(&mut Self) -> Result<Expression, String>,
    ) -> Result<Expression, String> {
        let mut left = operand(self)?;
        while self.takes(operator)? {
            let right = operand(self)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<Expression, String> {
        match self.advance()? {
            Token::Literal(value) => Ok(Expression::Literal(value)),
            Token::Symbol('[') => self.until(']', Self::comparison).map(Expression::List),
            Token::Symbol('{') => self.map(Self::comparison),
            Token::Symbol('(') => {
                let inner = self.comparison()?;
                self.expect(')')?;
                Ok(inner)
            }
            Token::Name(name) if name.starts_with(char::is_uppercase) => {
                while self.takes('.')? {
                    self.name()?;
                }
                self.expect('{')?;
                self.map(|parser| Ok(Expression::Literal(parser.name()?.into())))
            }
            Token::Name(name) if self.takes('(')? => Ok(Expression::Call(
                None,
                name,
                self.until(')', Self::comparison)?,
            )),
            Token::Name(name) => Ok(Expression::Name(name)),
            other => Err(format!("expected an expression, found {other:?}")),
        }
    }

    fn postfix(&mut self, mut expression: Expression) -> Result<Expression, String> {
        loop {
            if self.takes('.')? {
                let name = self.name()?;
                expression = match self.takes('(')? {
                    true => {
                        let arguments = self.until(')', Self::comparison)?;
                        Expression::Call(Some(Box::new(expression)), name, arguments)
                    }
                    false => Expression::Member(Box::new(expression), name),
                };
            } else if self.takes('[')? {
                let is_optional = self.takes('?')?;
                let index = self.comparison()?;
                self.expect(']')?;
                expression = Expression::Index(Box::new(expression), Box::new(index), is_optional);
            } else {
                return Ok(expression);
            }
        }
    }

    fn map(
        &mut self,
        key: impl Fn(&mut Self) -> Result<Expression, String>,
    ) -> Result<Expression, String> {
        let members = self.until('}', |parser| {
            let key = key(parser)?;
            parser.expect(':')?;
            Ok((key, parser.comparison()?))
        })?;
        Ok(Expression::Map(members))
    }

    /// Parses items between commas, up to the closing symbol.
    fn until<T>(
        &mut self,
        end: char,
        item: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        while !self.takes(end)? {
            items.push(item(self)?);
            if !self.takes(',')? {
                self.expect(end)?;
                break;
            }
        }
        Ok(items)
    }
}

impl Expression {
    fn value(&self, scope: &Scope) -> Result<Value, String> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Name(name) => {
                let value = scope.get(name).cloned();
                value.ok_or_else(|| format!("undefined name: {name}"))
            }
            Self::List(items) => items.iter().map(|item| item.value(scope)).collect(),
            Self::Map(members) => {
                let mut map = Map::new();
                for (key, value) in members {
                    map.insert(text(&key.value(scope)?).to_owned(), value.value(scope)?);
                }
                Ok(map.into())
            }
            Self::Member(of, name) => match &of.value(scope)?[name] {
                Value::Null => Err(format!("undefined member: {name}")),
                value => Ok(value.clone()),
            },
            Self::Index(of, index, is_optional) => {
                let (of, index) = (of.value(scope)?, index.value(scope)?);
                let found = match index.as_u64().and_then(|index| usize::try_from(index).ok()) {
                    Some(index) => of.get(index),
                    None => of.get(text(&index)),
                };
                match (found, is_optional) {
                    (Some(value), _) => Ok(value.clone()),
                    (None, true) => Ok(Value::Null),
                    (None, false) => Err(format!("no element at {index}")),
                }
            }
            Self::Call(of, name, arguments) => call(of.as_deref(), name, arguments, scope),
            Self::Binary(operator, left, right) => {
                binary(*operator, left.value(scope)?, right.value(scope)?)
            }
        }
    }
}

fn call(
    of: Option<&Expression>,
    name: &str,
    arguments: &[Expression],
    scope: &Scope,
) -> Result<Value, String> {
    match (of, name, arguments) {
        (None, "dyn", [value]) => value.value(scope),
        (None, "size", [value]) => Ok(list(&value.value(scope)?).len().into()),
        (None, "string", [value]) => Ok(value.value(scope)?.to_string().trim_matches('"').into()),
        (Some(of), "orValue", [other]) => match of.value(scope)? {
            Value::Null => other.value(scope),
            value => Ok(value),
        },
        (Some(of), "map" | "filter", [Expression::Name(item), body]) => {
            let mut results = Vec::new();
            for value in list(&of.value(scope)?) {
                let mut scope = scope.clone();
                scope.insert(item.clone(), value.clone());
                let result = body.value(&scope)?;
                match name {
                    "map" => results.push(result),
                    _ if result == true => results.push(value.clone()),
                    _ => {}
                }
            }
            Ok(results.into())
        }
        _ => Err(format!("unsupported function: {name}")),
    }
}

fn binary(operator: char, left: Value, right: Value) -> Result<Value, String> {
    match (operator, left, right) {
        ('+', Value::Array(mut left), Value::Array(right)) => {
            left.extend(right);
            Ok(left.into())
        }
        ('+', Value::String(left), Value::String(right)) => Ok((left + &right).into()),
        ('<', Value::Number(left), Value::Number(right)) => {
            Ok(json!(left.as_i64() < right.as_i64()))
        }
        (operator, left, right) => Err(format!(
            "unsupported operation: `{left} {operator} {right}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_evaluated() {
        let scope = Scope::from([
            ("a".to_owned(), json!({"b": [1, 2, 3], "c": {"x-y": "z"}})),
            ("n".to_owned(), json!(2)),
        ]);
        for (source, value) in [
            ("[1, true, \"x\"]", json!([1, true, "x"])),
            (
                "Object.spec.x{name: \"n\", list: [Y{}]}",
                json!({"name": "n", "list": [{}]}),
            ),
            (
                "a.b.map(i, {\"k\": dyn(i)})",
                json!([{"k": 1}, {"k": 2}, {"k": 3}]),
            ),
            (
                "a.b.filter(i, i < n).map(i, \"/\" + string(i))",
                json!(["/1"]),
            ),
            (
                "a.c[?\"x-y\"].orValue(\"\") + a.c[?\"q\"].orValue(\"-\")",
                json!("z-"),
            ),
            ("[size(a.b)] + [(n)]", json!([3, 2])),
            ("a.b[1]", json!(2)),
        ] {
            assert_eq!(evaluate(source, &scope), Ok(value), "{source}");
        }
        for source in [
            "",
            "a.d",
            "b",
            "[1",
            "\"x",
            "a.b.all(i, i < 2)",
            "1 2",
            "a.b + 1",
            "a.c[\"q\"]",
        ] {
            assert!(evaluate(source, &scope).is_err(), "{source}");
        }
    }
}
