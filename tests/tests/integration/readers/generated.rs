/*!
Documents by a generator with a seed: ordinary ones in every style of YAML, the same with odd scalars in them, and the same again with
some characters changed.
*/

use super::{Sample, scalars::SCALARS};

/// As many samples as asked for.
pub fn samples(seed: u64, count: usize) -> impl Iterator<Item = Sample> {
    let mut random = Random(seed);
    (0..count).map(move |number| {
        let odd = match number % 4 {
            0 => 0,
            1 => 1,
            _ => random.below(3),
        };
        let text = Writer::new(&mut random, odd).file();
        match number % 4 {
            0 => Sample::ordinary(text),
            1 => Sample::odd(text),
            _ => Sample::odd(changed(text, &mut random)),
        }
    })
}

/// SplitMix64: the same numbers everywhere, for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const KEYS: [&str; 12] = [
    "a",
    "b",
    "replicas",
    "image",
    "app.kubernetes.io/name",
    "x-y",
    "\"quoted key\"",
    "'single'",
    "_under",
    "8080",
    "long.key_with-all",
    "été",
];

const PLAIN: [&str; 22] = [
    "text",
    "two words",
    "web:1.20",
    "registry.example:5000/a/b@sha256:00",
    "/bin/sh",
    "-c",
    "--flag=value",
    "it's",
    "a#b",
    "100m",
    "1Gi",
    "10.0.0.1",
    "1.2.3",
    "v1",
    "5m",
    "http://host:80/path",
    "été",
    "12:30",
    "2024-01-01",
    "a \"b\" c",
    "yesterday",
    "0x",
];

const MEANT: [&str; 14] = [
    "true", "false", "null", "~", "0", "1", "-7", "65535", "1.5", "0.25", "1e3", "0644", "0755",
    "-0.5",
];

const QUOTED: [&str; 10] = [
    "\"\"",
    "''",
    "\"a\\nb\"",
    "\"yes\"",
    "'0644'",
    "\"\\u00e9\\t\"",
    "'it''s'",
    "\"a: b # c\"",
    "'{a}'",
    "\"\\\\d+\\\"\"",
];

const BLOCK: [&str; 9] = [
    "line",
    "  indented",
    "",
    "# no comment",
    "key: value",
    "- item",
    "--- ",
    "\ttab",
    "trailing  ",
];

/// What a change puts in.
const PIECES: [&str; 48] = [
    " ", "  ", "\n", "\n\n", "\t", "\r", "\r\n", ":", ": ", "- ", "-", "#", " #", "? ", "?", "[",
    "]", "{", "}", ",", "\"", "'", "\\", "|", ">", "|+", ">-", "&a ", "*a", "!", "!!str ", "%",
    "@", "`", "~", "<<: ", "---", "\n---\n", "...", "\n...\n", "\u{85}", "\u{2028}", "\u{a0}",
    "\u{feff}", "0", "_", "y", "items",
];

struct Writer<'r> {
    random: &'r mut Random,
    /// How many odd scalars may come yet.
    odd: usize,
    out: String,
}

impl<'r> Writer<'r> {
    fn new(random: &'r mut Random, odd: usize) -> Self {
        Self {
            random,
            odd,
            out: String::new(),
        }
    }

    fn file(mut self) -> String {
        if self.random.below(4) == 0 {
            self.out.push_str("---\n");
        }
        for number in 0..1 + self.random.below(2) {
            if number > 0 {
                self.out.push_str("---\n");
            }
            self.comment(0);
            self.out += "apiVersion: acme.example/v1\nkind: Thing\nmetadata:\n  name: thing\n";
            if self.random.below(3) == 0 {
                self.out += "  labels: {app: web, \"tier\": 'front'}\n";
            }
            self.out += "spec:\n";
            self.mapping(2, 0);
        }
        if self.random.below(8) == 0 {
            self.out = self.out.replace('\n', "\r\n");
        }
        if self.random.below(8) == 0 {
            self.out.truncate(self.out.trim_end().len());
        }
        self.out
    }

    fn comment(&mut self, indent: usize) {
        if self.random.below(8) == 0 {
            self.out += &format!("{}# a comment: {{[\n", " ".repeat(indent));
        }
    }

    /// Lines of a mapping, each at the indent.
    fn mapping(&mut self, indent: usize, depth: usize) {
        let start = self.random.below(KEYS.len());
        for offset in 0..1 + self.random.below(4) {
            self.comment(indent);
            let key = KEYS[(start + offset) % KEYS.len()];
            self.out += &format!("{}{key}:", " ".repeat(indent));
            self.value(indent, depth);
        }
    }

    /// What follows a colon or a dash, line end included.
    fn value(&mut self, indent: usize, depth: usize) {
        let choice = if depth > 3 {
            self.random.below(6)
        } else {
            self.random.below(10)
        };
        match choice {
            0..=2 => {
                let scalar = self.scalar(false);
                self.out += &format!(" {scalar}");
                self.end();
            }
            3 => {
                self.out.push(' ');
                self.flow(depth + 1);
                self.end();
            }
            4 => self.block(indent),
            5 => self.folded(indent),
            6 | 7 => {
                self.end();
                let deeper = indent + 1 + self.random.below(4);
                self.mapping(deeper, depth + 1);
            }
            _ => {
                self.end();
                let deeper = indent + self.random.below(2) * 2;
                self.list(deeper, depth + 1);
            }
        }
    }

    fn end(&mut self) {
        self.out += *self.random.one(&["\n", "\n", "\n", " # why: {\n", "  \n"]);
    }

    fn list(&mut self, indent: usize, depth: usize) {
        for _ in 0..1 + self.random.below(3) {
            self.out += &" ".repeat(indent);
            self.out.push('-');
            match self.random.below(4) {
                0 if depth < 4 => {
                    // A mapping that begins on the line of its dash.
                    let key = *self.random.one(&KEYS);
                    self.out += &format!(" {key}:");
                    self.value(indent + 2, depth + 1);
                    let scalar = self.scalar(false);
                    self.out += &format!("{}z: {scalar}\n", " ".repeat(indent + 2));
                }
                1 => {
                    self.out.push(' ');
                    self.flow(depth + 1);
                    self.end();
                }
                2 => self.block(indent),
                _ => {
                    let scalar = self.scalar(false);
                    self.out += &format!(" {scalar}");
                    self.end();
                }
            }
        }
    }

    fn flow(&mut self, depth: usize) {
        let count = self.random.below(4);
        let list = self.random.below(2) == 0;
        let (open, close) = if list { ("[", "]") } else { ("{", "}") };
        self.out += open;
        self.out += *self.random.one(&["", " "]);
        let start = self.random.below(KEYS.len());
        for number in 0..count {
            if number > 0 {
                self.out += *self.random.one(&[", ", ", ", ","]);
            }
            if !list {
                let key = KEYS[(start + number) % KEYS.len()];
                self.out += &format!("{key}: ");
            }
            if depth < 4 && self.random.below(4) == 0 {
                self.flow(depth + 1);
            } else {
                let scalar = self.scalar(true);
                self.out += &scalar;
            }
        }
        self.out += *self.random.one(&["", " "]);
        self.out += close;
    }

    fn block(&mut self, indent: usize) {
        self.out += *self.random.one(&[" |", " |-", " |+", " >", " >-", " >+"]);
        self.out.push('\n');
        let indent = " ".repeat(indent + 1 + self.random.below(3));
        self.out += &format!("{indent}first\n");
        for _ in 0..self.random.below(5) {
            match *self.random.one(&BLOCK) {
                "" => self.out.push('\n'),
                line => self.out += &format!("{indent}{line}\n"),
            }
        }
    }

    /// A scalar over several lines, without quotes or in them.
    fn folded(&mut self, indent: usize) {
        let indent = " ".repeat(indent + 1 + self.random.below(3));
        let (open, close) = *self.random.one(&[("", ""), ("\"", "\""), ("'", "'")]);
        let gap = *self.random.one(&["\n", "\n\n", "  \n"]);
        self.out += &format!(" {open}one two{gap}{indent}three\n{indent}four{close}\n");
    }

    fn scalar(&mut self, flow: bool) -> String {
        if self.odd > 0 && self.random.below(3) == 0 {
            self.odd -= 1;
            return (*self.random.one(SCALARS)).to_owned();
        }
        let scalar = match self.random.below(3) {
            0 => *self.random.one(&PLAIN),
            1 => *self.random.one(&MEANT),
            _ => *self.random.one(&QUOTED),
        };
        if flow && scalar.starts_with('-') && !scalar.starts_with("-0") && !scalar.starts_with("-7")
        {
            return format!("'{scalar}'");
        }
        scalar.to_owned()
    }
}

/// One to three characters taken out, doubled, or something put in.
fn changed(text: String, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(3) {
        let at = random.below(chars.len());
        match random.below(4) {
            0 => drop(chars.drain(at..chars.len().min(at + 1 + random.below(2)))),
            1 => {
                let upper = chars[at].to_ascii_uppercase();
                chars[at] = upper;
            }
            _ => {
                let piece = *random.one(&PIECES);
                chars.splice(at..at, piece.chars());
            }
        }
        if chars.is_empty() {
            break;
        }
    }
    chars.into_iter().collect()
}
