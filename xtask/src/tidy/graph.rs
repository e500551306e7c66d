//! Imports as a directed graph of files, and the shortest cycle through one of them.

use std::collections::{HashMap, VecDeque};

use super::scanner::Source;

/// One file imports from another.
#[derive(Clone, Copy)]
pub(super) struct Edge<'a> {
    pub(super) from: &'a Source,
    pub(super) to: &'a Source,
    pub(super) line: usize,
}

impl<'a> Edge<'a> {
    pub(super) fn key(&self) -> (&'a str, usize, &'a str) {
        (&self.from.path, self.line, &self.to.path)
    }
}

/// One cycle for each file that is on any, unless a cycle found before goes through it. Edges in order.
pub(super) fn cycles<'a>(edges: &[Edge<'a>]) -> Vec<Vec<Edge<'a>>> {
    let mut by_file: HashMap<&str, Vec<Edge>> = HashMap::new();
    for edge in edges {
        by_file.entry(&edge.from.path).or_default().push(*edge);
    }
    let mut found: Vec<Vec<Edge>> = Vec::new();
    for edge in edges {
        let start = edge.from.path.as_str();
        let is_known = found.iter().flatten().any(|known| known.from.path == start);
        if !is_known && let Some(cycle) = shortest_cycle(&by_file, start) {
            found.push(cycle);
        }
    }
    found
}

fn shortest_cycle<'a>(by_file: &HashMap<&str, Vec<Edge<'a>>>, start: &str) -> Option<Vec<Edge<'a>>> {
    let mut reached_by: HashMap<&str, Edge<'a>> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for edge in by_file.get(file).into_iter().flatten() {
            let to = edge.to.path.as_str();
            if !reached_by.contains_key(to) {
                reached_by.insert(to, *edge);
                queue.push_back(to);
            }
        }
    }
    let mut cycle = vec![*reached_by.get(start)?];
    while let Some(edge) = cycle.last().filter(|edge| edge.from.path != start) {
        cycle.push(*reached_by.get(edge.from.path.as_str())?);
    }
    cycle.reverse();
    Some(cycle)
}
