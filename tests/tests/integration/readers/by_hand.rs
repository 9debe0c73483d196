/*! What people write, and what somebody might write who wants two readers to see different things. */

use super::{Sample, scalars::SCALARS};

const HEAD: &str = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n";

/// Whole values, with what follows the colon.
const VALUES: &[&str] = &[
    " |\n  a\n  b\n",
    " |-\n  a\n\n\n",
    " |+\n  a\n\n\n",
    " >\n  a\n  b\n\n  c\n   d\n  e\n",
    " >-\n  a\n\n  b\n",
    " |2\n   a\n  b\n",
    " |-2\n    a\n   b\n",
    " |\n\n   a\n  \n   b\n",
    " |\n  a\n # b\n",
    " | # c\n  a\n",
    " |a\n  b\n",
    " >1\n a\n",
    " |\n    a\n  b\n",
    " |\n\ta\n",
    " |\n",
    " |+\n\n\n",
    " >\n\n  a\n",
    " a\n  b\n\n  c\n",
    " \"a\n  b\n\n  c\"\n",
    " \"a\\\n  b\"\n",
    " 'a\n  b'\n",
    " \"a\nb\"\n",
    " a # c\n",
    " a#c\n",
    " \"a\"#c\n",
    " \"a\" # c\n",
    " [a]#c\n",
    " [a] # c\n",
    "\ta\n",
    " \ta\n",
    " a\t\n",
    " a \t# c\n",
    "\n- a\n- b\n",
    "\n  - a\n  -  - b\n     - c\n",
    "\n  - a\n - b\n",
    "\n-\n  a\n",
    "\n- - a\n- a: b\n  c: d\n-\n",
    "\n  a: b\n   c: d\n",
    "\n  a: b\n c: d\n",
    "\n  a:\n  b:\n",
    "\n\ta: b\n",
    "\n  a:\tb\n",
    "\n  ? a\n  : b\n",
    "\n  ? a\n",
    "\n  \"a\": b\n",
    "\n  \"a\":b\n",
    "\n  'a' : b\n",
    "\n  a : b\n",
    " [\n  a,\n  b\n]\n",
    " {\n  a: b\n}\n",
    " {\n  \"a\": b,\n  c: [\n  d ]\n  }\n",
    " [a, # c\n  b]\n",
    " &x [a]\ng: *x\n",
    " &x {a: b}\ng: {<<: *x, c: d}\n",
    " &x {a: b}\ng:\n  <<: *x\n  a: c\n",
    " &x {a: b}\ng:\n  a: c\n  <<: *x\n",
    " &x\ng: *x\n",
    " *x\n",
    " &x a\ng: {*x : b}\n",
    " &x a\ng: &x b\nh: *x\n",
    " &x [*x]\n",
    " &x a\n*x : b\n",
    " --- a\n",
    " ...\n",
    "\n  --- a\n",
    "\n  ...\n",
    " |\n  ---\n  ...\n  %a\n",
    " \"\n---\n\"\n",
    " a\n...\n",
    " a\n...\n# c\n",
    " a\n...\nb: c\n",
    " a\n... # c\n",
    " a\n---\n",
    " a\n---",
    " a\n--- # c\n",
    " a\n---\n---\n# c\n---\n",
    " a\n--- b\n",
    " a\n---b: c\n",
    " a\n---\t\n",
    " a\n%b: c\n",
    " a\n%YAML 1.1\n",
    " a\n# c",
    " a\n\u{feff}\n",
    " a\u{feff}b\n",
    " a\u{2028}b\n",
    " \"a\u{2029}b\"\n",
    " a\u{85}\n",
    " a\u{0}\n",
    " a\u{7f}\n",
    " a\u{fffd}\n",
    " a\r\n",
    " a\rb\n",
    " |\r\n  a\r\n  b\r\n",
    " a\r\n---\r\n# c\r\n",
];

const FILES: &[&str] = &[
    "",
    "\n",
    "# c\n",
    "---\n",
    "---\n---\n",
    "...\n",
    "null\n",
    "~\n",
    "{}\n",
    "[]\n",
    "- a\n",
    "a\n",
    "\"a\"\n",
    "{\n",
    "}\n",
    "{}{}\n",
    "\t\n",
    "%YAML 1.2\n---\n",
    "---\n# c\n...\n",
    "# c\n...\n",
    // Lists.
    "apiVersion: v1\nkind: List\nitems: []\n",
    "apiVersion: v1\nkind: List\nitems: null\n",
    "apiVersion: v1\nkind: List\n",
    "apiVersion: v1\nkind: List\nitems: {}\n",
    "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ''}\nitems: [{apiVersion: v1, kind: A, metadata: {name: a}}, {apiVersion: v1, kind: B, metadata: {name: a, namespace: b}}]\n",
    "apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}}]\n",
    "apiVersion: v1\nkind: ConfigMapList\nitems: [{kind: Secret, metadata: {name: a}}]\n",
    "apiVersion: v1\nkind: ConfigMapList\nitems: [{apiVersion: v1, metadata: {name: a}}]\n",
    "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: A, metadata: {name: b}}]}, {apiVersion: v1, kind: A, metadata: {name: a}}]\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\nitems: [{apiVersion: v1, kind: B, metadata: {name: b}}]\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\nitems: []\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\nitems: null\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\nITEMS: [{apiVersion: v1, kind: B, metadata: {name: b}}]\n",
    "apiVersion: v1\nkind: AllowList\nmetadata: {name: a}\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\n\"item\u{17f}\": []\n",
    // JSON.
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}",
    " \n\t{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}\n\n{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"b\"}}",
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}\n---\n{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"b\"}}",
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"Kind\":\"B\",\"metadata\":{\"name\":\"a\"}}",
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\",\"name\":\"b\"}}",
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"f\":[1,1.0,1.5,1e3,-0,0.1,5e-324,123456789012345678,18446744073709551615,1e400,\"\\u0000\\ud83d\\ude00\\/\"]}",
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"f\":[1,1.0,1.5,1e3,0.1,5e-324,123456789012345678,\"\\u0000\\ud83d\\ude00\\/\\u2028\",true,null,{}]}",
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"f\":\"\\ud800\"}",
    "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}} x",
    "{apiVersion: v1, kind: A, metadata: {name: a}}\n",
    "---\n{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}, \"f\": \"\\/\"}\n",
    "---\n{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}, \"f\": [1.5, \"\\u00e9\"]}\n",
    // What says which object it is.
    "<<: {kind: Secret}\napiVersion: v1\nkind: A\nmetadata: {name: a}\n",
    "apiVersion: v1\nkind: A\nmetadata:\n  <<: {name: a}\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\n<<: {kind: Secret}\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\nKind: B\n",
    "\u{feff}apiVersion: v1\nkind: A\nmetadata: {name: a}\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a, labels: null}\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a, labels: {a: 'b'}}\n",
    "apiVersion: v1\nkind: A\nmetadata: {name: a, creationTimestamp: null}\nstatus: {}\n",
    "--- !!map\napiVersion: v1\nkind: A\nmetadata: {name: a}\n",
    "apiVersion: v1\rkind: A\rmetadata: {name: a}\r",
];

/// What people write.
const ORDINARY: &[&str] = &[
    include_str!("ordinary/workload.yaml"),
    include_str!("ordinary/definition.yaml"),
    include_str!("ordinary/rendered.yaml"),
];

/// Every sample of this page, each scalar in several places.
pub fn samples() -> Vec<Sample> {
    let mut samples: Vec<Sample> = ORDINARY
        .iter()
        .map(|text| Sample::ordinary(*text))
        .collect();
    samples.extend(
        ORDINARY
            .iter()
            .map(|text| Sample::ordinary(text.replace('\n', "\r\n"))),
    );
    samples.extend(FILES.iter().map(|text| Sample::odd(*text)));
    samples.extend(
        VALUES
            .iter()
            .map(|value| Sample::odd(format!("{HEAD}f:{value}"))),
    );
    samples.extend(
        VALUES
            .iter()
            .map(|value| Sample::odd(format!("{HEAD}f:{value}z: end\n"))),
    );
    for scalar in SCALARS {
        for text in [
            format!("{HEAD}f: {scalar}\n"),
            format!("{HEAD}f: {scalar}"),
            format!("{HEAD}f:\n- {scalar}\n- {scalar}\n"),
            format!("{HEAD}f: [{scalar}, a]\n"),
            format!("{HEAD}f: {{a: {scalar}}}\n"),
            format!("{HEAD}f: {{{scalar}: a}}\n"),
            format!("{HEAD}f: {{ \"a\" : {scalar} , b : c }}\n"),
            format!("{HEAD}{scalar}: a\n"),
            format!("{HEAD}f:\n  {scalar}: a\n  z: b\n"),
            format!("{HEAD}f: {scalar} # c\n"),
            format!("{HEAD}f: \"{scalar}\"\n"),
            format!("{HEAD}f: '{scalar}'\n"),
            format!("{HEAD}f: |\n  {scalar}\n"),
            format!("{HEAD}f: >-\n  {scalar}\n  {scalar}\n"),
            format!("{HEAD}f: a\n  {scalar}\n"),
            format!("{HEAD}f: &x {scalar}\ng: *x\n"),
            format!("{HEAD}# {scalar}\nf: a\n"),
            format!("{HEAD}---\n{scalar}\n"),
        ] {
            samples.push(Sample::odd(text));
        }
    }
    samples
}
