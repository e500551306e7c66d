//! Resolves paths to files within one package. A re-exported name resolves to the file that defines it.

use std::collections::{HashMap, HashSet};

use super::graph::Edge;
use super::scanner::{PathUse, Source};

/// Re-exports of re-exports that are followed.
const MAX_DEPTH: usize = 8;

/// The files of one package by their module.
pub(super) struct Modules<'a> {
    files: HashMap<&'a [String], &'a Source>,
    /// As paths name it from outside: `sse_hub`.
    own_name: String,
}

/// What a path resolves to.
struct Target<'a> {
    source: &'a Source,
    /// False if the path names the module itself.
    is_item: bool,
}

impl<'a> Modules<'a> {
    pub(super) fn of(package: &str, sources: &'a [Source]) -> Self {
        let files = sources.iter().filter(|source| source.package == package);
        let own_name = package.rsplit('/').next().unwrap_or(package).replace('-', "_");
        Self { files: files.map(|source| (source.module.as_slice(), source)).collect(), own_name }
    }

    /// All imports of one file by another. Two kinds of `use` do not count by themselves: that of a module, because the
    /// paths through it do; and the re-export of a child's name by its parent, unless the parent uses the name too.
    pub(super) fn edges(&self) -> Vec<Edge<'a>> {
        let mut edges = Vec::new();
        for source in self.files.values() {
            let used: HashSet<&str> =
                source.words.iter().filter(|word| !word.in_use).map(|word| word.text.as_str()).collect();
            for path in &source.paths {
                let is_only_re_exported =
                    path.re_export().is_some_and(|import| !used.contains(import.name.as_str()));
                for target in self.targets(source, path) {
                    let is_child = target.module.starts_with(&source.module);
                    if target.path != source.path && !(is_only_re_exported && is_child) {
                        edges.push(Edge { from: source, to: target, line: path.line });
                    }
                }
            }
        }
        edges.sort_unstable_by_key(Edge::key);
        edges.dedup_by_key(|edge| edge.key());
        edges
    }

    fn targets(&self, source: &'a Source, path: &'a PathUse) -> Vec<&'a Source> {
        let Some(absolute) = self.absolute(source, &path.module, &path.segments) else { return Vec::new() };
        if let [module @ .., last] = absolute.as_slice()
            && last == "*"
        {
            // All that is defined or re-exported there.
            let Some(all) = self.files.get(module) else { return Vec::new() };
            let exports = all.paths.iter().filter(|path| path.re_export().is_some());
            let re_exported = exports
                .filter_map(|path| self.resolve(&self.absolute(all, &path.module, &path.segments)?, 1));
            return re_exported.map(|target| target.source).chain([*all]).collect();
        }
        let target = self.resolve(&absolute, 0);
        target.filter(|target| target.is_item).map(|target| target.source).into_iter().collect()
    }

    /// The path from the root of the crate; `None` for another crate or a local name.
    fn absolute(&self, source: &Source, module: &[String], segments: &[String]) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        let child = [module, std::slice::from_ref(first)].concat();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let (_, parent) = module.split_last()?;
                let again = rest.first().is_some_and(|next| next == "super");
                if again { self.absolute(source, parent, rest) } else { Some([parent, rest].concat()) }
            }
            own if own == self.own_name => Some(rest.to_vec()),
            _ if self.files.contains_key(child.as_slice()) => Some([&child, rest].concat()),
            name if !rest.is_empty() => {
                let imported =
                    source.paths.iter().find(|path| path.imports(name) && path.segments != segments)?;
                // Only from this crate: `use a;` of another one names itself.
                let from = imported.segments.first()?;
                let is_ours = ["crate", "self", "super"].contains(&from.as_str());
                let absolute =
                    is_ours.then(|| self.absolute(source, &imported.module, &imported.segments))??;
                Some([&absolute, rest].concat())
            }
            _ => None,
        }
    }

    /// The file that defines what is at an absolute path.
    fn resolve(&self, absolute: &[String], depth: usize) -> Option<Target<'a>> {
        let mut splits = (0..=absolute.len()).rev().map(|end| absolute.split_at(end));
        let (source, rest) = splits.find_map(|(module, rest)| Some((*self.files.get(module)?, rest)))?;
        let Some((name, after)) = rest.split_first() else { return Some(Target { source, is_item: false }) };
        let import = source.paths.iter().find(|path| path.imports(name));
        let re_exported = import.filter(|_| depth < MAX_DEPTH).and_then(|path| {
            let absolute = self.absolute(source, &path.module, &path.segments)?;
            self.resolve(&[&absolute, after].concat(), depth + 1)
        });
        Some(re_exported.unwrap_or(Target { source, is_item: true }))
    }
}
