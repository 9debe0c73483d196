/*!
Just enough of an API server for a real `kubectl apply --dry-run=client`: it says which kinds there are, and that none of
the objects exists. It stores nothing and judges nothing; that is `kubectl`'s part.
*/

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use anyhow::Result;
use serde_json::{Value, json};

/// A running stand-in; it ends with the process, since `kubectl` is done with it before.
#[derive(Debug)]
pub struct Discovery {
    addr: SocketAddr,
}

impl Discovery {
    /// Knows `ConfigMap` and the kinds of mirror configuration.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let addr = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that hangs up in the middle has what it wanted.
                thread::spawn(move || serve(stream).ok());
            }
        });
        Ok(Self { addr })
    }

    /// For `kubectl --server`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut request = String::new();
        if lines.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::new();
        while lines.read_line(&mut header)? > 2 {
            header.clear();
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let (status, body) = match answer(path) {
            Some(body) => ("200 OK", body),
            None => (
                "404 Not Found",
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}),
            ),
        };
        let body = body.to_string();
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
    }
}

fn answer(path: &str) -> Option<Value> {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": ["create", "get", "patch"]});
    let list = |version: &str, resources: &[Value]| {
        Some(
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}),
        )
    };
    let group = |name: &str, version: &str| {
        let version = json!({"groupVersion": format!("{name}/{version}"), "version": version});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    };
    match path {
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => Some(
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                group("config.openshift.io", "v1"),
                group("operator.openshift.io", "v1alpha1"),
                group("updateservice.operator.openshift.io", "v1"),
            ]}),
        ),
        "/api/v1" => list("v1", &[resource("configmaps", "ConfigMap", true)]),
        "/apis/config.openshift.io/v1" => list(
            "config.openshift.io/v1",
            &[
                resource("imagedigestmirrorsets", "ImageDigestMirrorSet", false),
                resource("imagetagmirrorsets", "ImageTagMirrorSet", false),
            ],
        ),
        "/apis/operator.openshift.io/v1alpha1" => list(
            "operator.openshift.io/v1alpha1",
            &[resource(
                "imagecontentsourcepolicies",
                "ImageContentSourcePolicy",
                false,
            )],
        ),
        "/apis/updateservice.operator.openshift.io/v1" => list(
            "updateservice.operator.openshift.io/v1",
            &[resource("updateservices", "UpdateService", true)],
        ),
        _ => None,
    }
}
