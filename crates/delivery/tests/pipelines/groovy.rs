//! Parses a Jenkinsfile into nested calls, which are all that a declarative pipeline consists of.

use anyhow::{Context, Result, bail};
use tree_sitter::{Node, Parser};

/// `name(arguments) { block }`, or `name = arguments`.
pub struct Call {
    pub name: String,
    pub line: usize,
    /// Source text of the arguments.
    pub arguments: String,
    /// The calls within the arguments.
    pub inner: Vec<Call>,
    pub block: Option<Vec<Call>>,
    pub assigns: bool,
}

impl Call {
    /// Returns this call and all calls within.
    pub fn everywhere(&self) -> Vec<&Call> {
        let within = self.inner.iter().chain(self.block.iter().flatten());
        std::iter::once(self)
            .chain(within.flat_map(Call::everywhere))
            .collect()
    }

    /// Returns the calls of its block that have this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Call> {
        self.block
            .iter()
            .flatten()
            .filter(move |it| it.name == name)
    }

    /// Returns the only argument if it is a string without interpolation.
    pub fn text(&self) -> Option<&str> {
        let literal = self
            .arguments
            .trim_start_matches('(')
            .trim_end_matches(')')
            .trim();
        let inside = literal.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inside.trim_matches('\''))
    }
}

/// Returns the outermost calls of a text, or an error if it is not Groovy.
pub fn parse(text: &str) -> Result<Vec<Call>> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_groovy::LANGUAGE.into())?;
    let tree = parser
        .parse(text, None)
        .context("the parser returned no tree")?;
    if let Some(node) = first_error(tree.root_node()) {
        let what = line(text, node.start_byte());
        bail!("line {}: not Groovy: {what}", row(node));
    }
    Ok(calls(tree.root_node(), text))
}

fn first_error(node: Node) -> Option<Node> {
    if node.is_error() || node.is_missing() {
        return Some(node);
    }
    if !node.has_error() {
        return None;
    }
    let mut cursor = node.walk();
    let children: Vec<Node> = node.children(&mut cursor).collect();
    children.into_iter().find_map(first_error)
}

fn row(node: Node) -> usize {
    node.start_position().row + 1
}

fn line(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    rest.lines().next().unwrap_or_default()
}

fn written(node: Node, text: &str) -> String {
    text.get(node.byte_range()).unwrap_or_default().to_owned()
}

/// Returns the outermost calls within a node, which may be one itself.
fn calls(node: Node, text: &str) -> Vec<Call> {
    match node.kind() {
        "method_invocation" => vec![call(node, text, ["name", "arguments", "body"])],
        "juxt_function_call" => vec![call(node, text, ["name", "args", "body"])],
        "assignment_expression" => vec![Call {
            assigns: true,
            ..call(node, text, ["left", "right", "body"])
        }],
        // `agent none` is parsed as a variable of the type agent.
        "local_variable_declaration" if !has_value(node) => {
            vec![call(node, text, ["type", "declarator", "body"])]
        }
        _ => {
            let mut cursor = node.walk();
            let children = node.named_children(&mut cursor);
            children.flat_map(|it| calls(it, text)).collect()
        }
    }
}

/// Returns true if a declaration has a value.
fn has_value(node: Node) -> bool {
    let declarator = node.child_by_field_name("declarator");
    declarator.is_some_and(|it| it.child_by_field_name("value").is_some())
}

fn call(node: Node, text: &str, [name, arguments, body]: [&str; 3]) -> Call {
    let field = |name| node.child_by_field_name(name);
    let said = |name| field(name).map(|it| written(it, text)).unwrap_or_default();
    // The receiver of a method may be a call as well: `readFile('x').trim()`.
    let inner = field("object").into_iter().chain(field(arguments));
    Call {
        name: said(name),
        line: row(node),
        arguments: said(arguments),
        inner: inner.flat_map(|it| calls(it, text)).collect(),
        block: field(body).map(|it| calls(it, text)),
        assigns: false,
    }
}

#[test]
fn reports_invalid_groovy() {
    let problem = parse("pipeline {\n    agent none\n    stages {\n}\n").err();
    assert!(problem.is_some_and(|it| it.to_string().contains("not Groovy")));
}

#[test]
fn calls_are_parsed_with_name_line_and_arguments() {
    let found = parse("stage('A') {\n    steps { sh 'ls' }\n    X = 'y'\n}\n").unwrap();
    let stage = &found[0];
    assert_eq!((stage.name.as_str(), stage.text()), ("stage", Some("A")));
    let steps = stage.named("steps").next().unwrap();
    let sh = steps.named("sh").next().unwrap();
    assert_eq!((sh.line, sh.text()), (2, Some("ls")));
    assert!(stage.named("X").all(|it| it.assigns));
}
