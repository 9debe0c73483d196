/*!
A YAML document as it is written: every node with its place, aliases shared instead of copied, merge keys not merged.
*/

use std::rc::Rc;

use serde_json::{Map, Value};

/// Line and column in the file, counted from 1.
pub(super) type Mark = (u64, u64);

/// The key that takes the entries of another mapping in (YAML 1.1, "merge").
pub(super) const MERGE: &str = "<<";

/// A node. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) kind: Rc<NodeKind>,
    /// Levels of nodes below it.
    pub(super) height: u32,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    /// The meaning, and the text where that is not a string.
    Scalar(Value, Option<Box<str>>),
    List(Vec<Node>),
    /// In the order of the file; only the first may be a [`MERGE`].
    Map(Vec<Entry>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Mark,
    pub(super) value: Node,
}

impl NodeKind {
    /// The text of a scalar, as any YAML reader has it.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(Value::String(text), None) => Some(text),
            Self::Scalar(_, text) => text.as_deref(),
            _ => None,
        }
    }
}

/// What aliases may make of a file: nodes, and bytes of text.
#[derive(Debug)]
pub(super) struct Room {
    nodes: usize,
    bytes: usize,
}

impl Room {
    /// For a file of this many nodes: a quarter of a million more, and 32 MiB of text.
    pub(super) fn over(nodes: usize) -> Self {
        Self {
            nodes: nodes + 250_000,
            bytes: 32 << 20,
        }
    }

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.nodes = self.nodes.checked_sub(1)?;
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }
}

impl Node {
    /// The value that it stands for, aliases and merges carried out. None where that would be larger than there is room for.
    pub(super) fn value(&self, room: &mut Room) -> Option<Value> {
        room.take(self.kind.text().map_or(0, str::len))?;
        Some(match &*self.kind {
            NodeKind::Scalar(value, _) => value.clone(),
            NodeKind::List(items) => {
                let items: Option<Vec<Value>> = items.iter().map(|item| item.value(room)).collect();
                Value::Array(items?)
            }
            NodeKind::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    room.take(entry.key.len())?;
                    let value = entry.value.value(room)?;
                    match value {
                        Value::Object(merged) if entry.key == MERGE => map.extend(merged),
                        value => drop(map.insert(entry.key.clone(), value)),
                    }
                }
                Value::Object(map)
            }
        })
    }

    /// Where the value at a path stands, or as much of the path as is written out.
    pub(super) fn locate<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Mark {
        let (mut node, mut at) = (self, self.at);
        for step in path {
            let below = match &*node.kind {
                NodeKind::Map(entries) => entries
                    .iter()
                    .find(|entry| entry.key == step)
                    .map(|entry| (&entry.value, entry.at)),
                NodeKind::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item, item.at)),
                NodeKind::Scalar(..) => None,
            };
            let Some(below) = below else { break };
            (node, at) = below;
        }
        at
    }
}
