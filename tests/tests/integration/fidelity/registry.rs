/*! The fake registry beside Debian's docker-registry: the same requests to both, and what a client could go by in the answers. */

use anyhow::{Context, Result};
use fakes::{FakeRegistry, registry::Settings};
use reqwest::{Client, Method, Response, redirect};
use schema::Digest;
use tests::{
    block_on,
    images::{Content, Format, Image, Layer},
    needs,
    real::{DockerRegistry, Options},
};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// A request: method, path below `/v2/`, headers, body.
type Request<'a> = (Method, String, &'a [(&'a str, &'a str)], &'a [u8]);

struct Both {
    client: Client,
    /// The real one and the fake.
    urls: [String; 2],
}

impl Both {
    fn ask(&self, url: &str, (method, path, headers, body): &Request<'_>) -> Result<Response> {
        let request = self.client.request(method.clone(), url.to_owned() + path);
        let request = headers
            .iter()
            .fold(request.body(body.to_vec()), |request, (name, value)| {
                request.header(*name, *value)
            });
        Ok(block_on(request.send())??)
    }

    /// The answer of both, which must be the same in its status, its error code and these headers.
    fn same(&self, what: &str, request: &Request<'_>, headers: &[&str]) -> Result<u16> {
        let [real, fake] = [&self.urls[0], &self.urls[1]].map(|url| -> Result<_> {
            let answer = self.ask(&format!("{url}/v2/"), request)?;
            let status = answer.status().as_u16();
            let named = headers.iter().map(|name| {
                let value = answer.headers().get(*name);
                value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            let named: Vec<_> = named.collect();
            let code = if status >= 400 && request.0 != Method::HEAD {
                let body: serde_json::Value =
                    serde_json::from_slice(&block_on(answer.bytes())??).unwrap_or_default();
                body["errors"][0]["code"].as_str().map(str::to_owned)
            } else {
                None
            };
            Ok((status, code, named))
        });
        let (real, fake) = (real?, fake?);
        assert_eq!(fake, real, "{what}: {} {}", request.0, request.1);
        Ok(real.0)
    }

    /// Begins an upload at each, and gives the addresses of the sessions.
    fn sessions(&self, repository: &str) -> Result<[String; 2]> {
        let begin = |url: &String| -> Result<String> {
            let path = format!("{repository}/blobs/uploads/");
            let answer = self.ask(&format!("{url}/v2/"), &(Method::POST, path, &[], b""))?;
            let location = answer.headers().get("location").context("no Location")?;
            let location = location.to_str()?;
            Ok(match location.starts_with('/') {
                true => format!("{url}{location}"),
                false => location.to_owned(),
            })
        };
        Ok([begin(&self.urls[0])?, begin(&self.urls[1])?])
    }

    /// The same request to a session at each, `more` added to its query; the status, and the session from then on.
    fn to_sessions(
        &self,
        sessions: &[String; 2],
        method: &Method,
        more: &str,
        body: &[u8],
    ) -> Result<(u16, [String; 2])> {
        let send = |place: usize| -> Result<(u16, String)> {
            let mark = if sessions[place].contains('?') {
                "&"
            } else {
                "?"
            };
            let mark = if more.is_empty() { "" } else { mark };
            let request = (method.clone(), format!("{mark}{more}"), &[][..], body);
            let answer = self.ask(&sessions[place], &request)?;
            let next = answer.headers().get("location");
            let next = next.and_then(|next| next.to_str().ok()).unwrap_or_default();
            let next = match next.starts_with('/') {
                true => format!("{}{next}", self.urls[place]),
                false => next.to_owned(),
            };
            Ok((answer.status().as_u16(), next))
        };
        let (real, fake) = (send(0)?, send(1)?);
        assert_eq!(fake.0, real.0, "{method} to a session with {more:?}");
        Ok((real.0, [real.1, fake.1]))
    }
}

#[test]
fn it_answers_as_a_real_one_does() -> Result<()> {
    needs!("docker-registry");
    let directory = tempfile::tempdir()?;
    let real = DockerRegistry::start(directory.path(), &Options::default())?;
    // As Debian's docker-registry is; what others do besides is in `Settings`.
    let fake = FakeRegistry::start(Settings {
        untagged_is_unknown: true,
        foreign_layers: false,
        referrers: false,
        monolithic_post: false,
        absolute_locations: true,
        ..Settings::default()
    })?;
    let both = Both {
        client: Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()?,
        urls: [real.url(), fake.url().to_owned()],
    };
    let image = Image::single("a/b", "v1", Format::Oci, &[Layer::new(1, 100)?])?;
    let manifest = |method: Method, name: &str| -> Request<'_> {
        let headers: &[_] = &[("content-type", OCI), ("accept", OCI)];
        let body: &[u8] = if method == Method::PUT {
            &image.root.bytes
        } else {
            b""
        };
        (method, format!("a/b/manifests/{name}"), headers, body)
    };
    let get = |path: String| -> Request<'_> { (Method::GET, path, &[], b"") };
    let digest = image.root.digest.to_string();

    both.same("the base", &get(String::new()), &[])?;
    both.same("no such tags", &get("a/b/tags/list".into()), &[])?;
    both.same("no such manifest", &manifest(Method::GET, "v1"), &[])?;
    let put = manifest(Method::PUT, "v1");
    assert_eq!(both.same("blobs are missing", &put, &[])?, 400);
    for blob in &image.blobs {
        let Content::Memory(bytes) = &blob.content else {
            anyhow::bail!("a small layer is not in memory");
        };
        let sessions = both.sessions("a/b")?;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let (status, sessions) = both.to_sessions(&sessions, &Method::PATCH, "", first)?;
        assert_eq!(status, 202);
        let (status, sessions) = both.to_sessions(&sessions, &Method::PATCH, "", second)?;
        assert_eq!(status, 202);
        let end = format!("digest={}", blob.digest);
        assert_eq!(both.to_sessions(&sessions, &Method::PUT, &end, b"")?.0, 201);
        let place = format!("a/b/blobs/{}", blob.digest);
        let told = ["content-length", "docker-content-digest", "content-type"];
        both.same("a blob", &(Method::HEAD, place.clone(), &[], b""), &told)?;
        let part: &[_] = &[("range", "bytes=1-3")];
        let told = ["content-length", "content-range"];
        let request = (Method::GET, place, part, &b""[..]);
        assert_eq!(both.same("a part", &request, &told)?, 206);
        let elsewhere = format!("a/other/blobs/{}", blob.digest);
        both.same("not in this repository", &get(elsewhere), &[])?;
    }
    let other = manifest(
        Method::PUT,
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    );
    assert_eq!(both.same("another digest", &other, &[])?, 400);
    let told = ["docker-content-digest"];
    assert_eq!(both.same("put", &put, &told)?, 201);
    assert_eq!(both.same("put again", &put, &told)?, 201);
    let told = ["docker-content-digest", "content-type", "content-length"];
    for name in ["v1", &digest] {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(both.same(name, &manifest(method, name), &told)?, 200);
        }
    }
    let unread = get(format!("a/b/manifests/{digest}"));
    both.same("a type that is not accepted", &unread, &[])?;
    both.same("tags", &get("a/b/tags/list".into()), &["content-type"])?;

    let blob = image.blobs.first().context("a config")?.digest;
    for (from, status) in [("a/nowhere", 202), ("a/b", 201)] {
        let path = format!("a/other/blobs/uploads/?mount={blob}&from={from}");
        let mount = (Method::POST, path, &[][..], &b""[..]);
        assert_eq!(both.same("a mount", &mount, &[])?, status);
    }
    let sessions = both.sessions("a/b")?;
    let wrong = format!("digest={}", Digest::of(b"right"));
    let (status, _) = both.to_sessions(&sessions, &Method::PUT, &wrong, b"wrong")?;
    assert_eq!(status, 400);
    let sessions = both.sessions("a/b")?;
    let (status, _) = both.to_sessions(&sessions, &Method::DELETE, "", b"")?;
    assert_eq!(status, 204);
    Ok(())
}
