//! One Rust source file as the rules see it: paths, names, string literals and functions, each with its line.
//!
//! Works on tokens and not on a syntax tree, so it sees into macros too. Leaves out `#[cfg(test)]` items and doc comments.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) path: String,
    /// Folder of its package: `crates/sse-hub`.
    pub(super) package: String,
    /// `["log", "disk"]`; empty at the root of the crate.
    pub(super) module: Vec<String>,
    pub(super) paths: Vec<PathUse>,
    pub(super) words: Vec<Word>,
    pub(super) functions: Vec<Function>,
    pub(super) log_lines: Vec<LogLine>,
    /// Package and path of the modules that are declared under `#[cfg(test)]`.
    pub(super) test_modules: Vec<(String, Vec<String>)>,
}

/// `a::b::c` in an expression or a `use`.
#[derive(Debug)]
pub(super) struct PathUse {
    pub(super) line: usize,
    /// Module that contains it: that of the file or an inline one.
    pub(super) module: Vec<String>,
    pub(super) segments: Vec<String>,
    pub(super) import: Option<Import>,
}

impl PathUse {
    /// Is it a `use` that brings this name in?
    pub(super) fn imports(&self, name: &str) -> bool {
        self.import.as_ref().is_some_and(|import| import.name == name)
    }

    pub(super) fn re_export(&self) -> Option<&Import> {
        self.import.as_ref().filter(|import| import.public)
    }
}

/// What a `use` adds to its module.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// The last segment or the name after `as`; `*` for a glob.
    pub(super) name: String,
    pub(super) public: bool,
}

/// An identifier or a literal.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) in_use: bool,
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) lines: usize,
}

/// `tracing::warn!` or `tracing::error!`.
#[derive(Debug)]
pub(super) struct LogLine {
    pub(super) line: usize,
    pub(super) level: String,
    /// As the format string that it is.
    pub(super) message: String,
}

impl Source {
    /// `root` is the root module of the package: `lib` or, without a library, `main`.
    pub(super) fn scan(path: &str, root: &str, text: &str) -> Result<Self> {
        let invalid = |error: LexError| anyhow!("{path}:{}: {error}", error.span().start().line);
        let tokens: TokenStream = text.parse().map_err(invalid)?;
        let (package, file) = path.split_once("/src/").unwrap_or(("", path));
        let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod") || module == [root] {
            module.pop();
        }
        let mut source = Self {
            path: path.to_owned(),
            package: package.to_owned(),
            module: module.clone(),
            ..Self::default()
        };
        source.walk(tokens, &module);
        Ok(source)
    }

    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = trees.as_slice();
        let mut public = false;
        while let [first, after @ ..] = rest {
            rest = after;
            match first {
                TokenTree::Punct(punct) if punct.as_char() == '#' => rest = self.attribute(rest, module),
                // Not the `use<'a>` of a return type.
                TokenTree::Ident(ident)
                    if ident == "use" && !rest.first().is_some_and(|next| is_punct(next, '<')) =>
                {
                    let end = rest.iter().position(|tree| is_punct(tree, ';')).unwrap_or(rest.len());
                    let (import, after) = rest.split_at(end);
                    self.import(import, &[], module, public);
                    rest = after;
                }
                TokenTree::Ident(ident) => {
                    if ident == "fn" {
                        self.function(rest, line(first));
                    }
                    if ident == "mod"
                        && let [TokenTree::Ident(name), TokenTree::Group(body), after @ ..] = rest
                    {
                        self.walk(body.stream(), &[module, &[name.to_string()]].concat());
                        rest = after;
                        continue;
                    }
                    rest = self.inline_path(first, rest, module);
                }
                TokenTree::Literal(literal) => self.word(first, literal.to_string(), false),
                TokenTree::Group(group) => self.walk(group.stream(), module),
                TokenTree::Punct(_) => {}
            }
            // `pub` and `pub(crate)` say whether the next `use` is a re-export.
            let in_brackets =
                matches!(first, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
            public = is_ident(first, "pub") || public && in_brackets;
        }
    }

    /// After a `#`. Skips test items.
    fn attribute<'a>(&mut self, mut rest: &'a [TokenTree], module: &[String]) -> &'a [TokenTree] {
        if let [bang, after @ ..] = rest
            && is_punct(bang, '!')
        {
            rest = after;
        }
        let [TokenTree::Group(group), after @ ..] = rest else { return rest };
        let text = group.stream().to_string().replace(' ', "");
        if text == "cfg(test)" {
            let is_end = |tree: &TokenTree| {
                is_punct(tree, ';')
                    || matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
            };
            let end = after.iter().position(is_end).map_or(after.len(), |at| at + 1);
            let (item, after) = after.split_at(end);
            if let [.., keyword, TokenTree::Ident(name), _] = item
                && is_ident(keyword, "mod")
            {
                self.test_modules.push((self.package.clone(), [module, &[name.to_string()]].concat()));
            }
            return after;
        }
        if !text.starts_with("doc=") {
            self.walk(group.stream(), module);
        }
        after
    }

    /// After a `use`, or inside its braces.
    fn import(&mut self, trees: &[TokenTree], prefix: &[String], module: &[String], public: bool) {
        for leaf in trees.split(|tree| is_punct(tree, ',')) {
            let mut segments = prefix.to_vec();
            let mut name = None;
            for (at, tree) in leaf.iter().enumerate() {
                match tree {
                    TokenTree::Group(group) => {
                        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.import(&inner, &segments, module, public);
                        segments.clear();
                    }
                    TokenTree::Ident(ident) if ident == "as" => {
                        name = leaf.get(at + 1).map(ToString::to_string);
                        break;
                    }
                    TokenTree::Ident(ident) => {
                        self.word(tree, ident.to_string(), true);
                        segments.push(ident.to_string());
                    }
                    TokenTree::Punct(punct) if punct.as_char() == '*' => segments.push("*".to_owned()),
                    _ => {}
                }
            }
            // `use a::{self}` brings in `a`.
            if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
                segments.pop();
            }
            let (Some(last), Some(first)) = (segments.last().cloned(), leaf.first()) else { continue };
            let import = Some(Import { name: name.unwrap_or(last), public });
            self.paths.push(PathUse { line: line(first), module: module.to_vec(), segments, import });
        }
    }

    /// Begins at an identifier; returns what follows the path.
    fn inline_path<'a>(
        &mut self,
        first: &TokenTree,
        mut rest: &'a [TokenTree],
        module: &[String],
    ) -> &'a [TokenTree] {
        let mut segments = vec![first.to_string()];
        self.word(first, first.to_string(), false);
        while let [one, two, next @ TokenTree::Ident(name), after @ ..] = rest
            && is_punct(one, ':')
            && is_punct(two, ':')
        {
            segments.push(name.to_string());
            self.word(next, name.to_string(), false);
            rest = after;
        }
        if let ([tracing, level], [bang, TokenTree::Group(call), ..]) = (segments.as_slice(), rest)
            && tracing == "tracing"
            && matches!(level.as_str(), "warn" | "error")
            && is_punct(bang, '!')
        {
            // The message is last: fields stand before it.
            let message = call.stream().into_iter().filter_map(text_of).last().unwrap_or_default();
            self.log_lines.push(LogLine { line: line(first), level: level.clone(), message });
        }
        if segments.len() > 1 {
            self.paths.push(PathUse { line: line(first), module: module.to_vec(), segments, import: None });
        }
        rest
    }

    /// After `fn`: a name and a body, unless it is a type or a trait's method without one.
    fn function(&mut self, rest: &[TokenTree], start: usize) {
        let [TokenTree::Ident(name), after @ ..] = rest else { return };
        for tree in after {
            match tree {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let lines = group.span_close().end().line - start + 1;
                    return self.functions.push(Function { line: start, name: name.to_string(), lines });
                }
                tree if is_punct(tree, ';') => return,
                _ => {}
            }
        }
    }

    fn word(&mut self, tree: &TokenTree, text: String, in_use: bool) {
        self.words.push(Word { line: line(tree), text, in_use });
    }
}

fn line(tree: &TokenTree) -> usize {
    tree.span().start().line
}

/// Of a string literal.
fn text_of(tree: TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = tree else { return None };
    Some(literal.to_string().strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

fn is_punct(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_ident(tree: &TokenTree, wanted: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == wanted)
}
