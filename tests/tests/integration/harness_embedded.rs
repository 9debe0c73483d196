/*!
The embedded registry must refuse what real ones refuse: a lenient imitation would let a broken client pass every test.
*/

use anyhow::{Context, Result};
use reqwest::{Client, Identity, Method, redirect};
use schema::Digest;
use tests::{
    block_on,
    certificates::Authority,
    images::{Format, Image, Layer, Remote, Set},
    registry::{Auth, Embedded, Login, Settings, Tls, Tokens},
};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

fn client() -> Result<Client> {
    Ok(Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()?)
}

/// Sends a request with a body and gives status, one header and the body.
fn ask(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    wanted: &str,
) -> Result<(u16, String, String)> {
    block_on(async {
        let request = client()?.request(method, url).body(body.to_vec());
        let response = headers
            .iter()
            .fold(request, |request, (name, value)| {
                request.header(*name, *value)
            })
            .send()
            .await?;
        let header = response
            .headers()
            .get(wanted)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok((response.status().as_u16(), header, response.text().await?))
    })?
}

fn get(url: &str, headers: &[(&str, &str)]) -> Result<u16> {
    Ok(ask(Method::GET, url, headers, b"", "")?.0)
}

#[test]
fn pushed_images_are_complete_in_memory_and_in_a_directory() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for directory in [None, Some(directory.path().to_owned())] {
        for absolute_locations in [false, true] {
            let registry = Embedded::start(Settings {
                directory: directory.clone(),
                absolute_locations,
                ..Settings::default()
            })?;
            let set = Set::varied()?;
            block_on(set.push(&Remote::new(registry.url())?))??;
            for image in &set.images {
                if let Some(tag) = &image.tag {
                    registry.check_complete(&image.repository, tag)?;
                }
            }
            assert_eq!(registry.open_uploads(), 0);
            let subject = set.images.first().context("an image")?.root.digest;
            let url = format!("{}/v2/shop/app/referrers/{subject}", registry.url());
            let (status, _, body) = ask(Method::GET, &url, &[], b"", "")?;
            assert_eq!(
                (
                    status,
                    body.matches("application/vnd.example.report").count()
                ),
                (200, 1),
                "{body}"
            );
        }
    }
    Ok(())
}

#[test]
fn what_real_registries_refuse_is_refused() -> Result<()> {
    let settings = Settings {
        immutable_tags: true,
        max_components: Some(2),
        max_body: Some(50_000),
        ..Settings::default()
    };
    let registry = Embedded::start(settings)?;
    let url = registry.url();
    let image = Image::single("a/b", "v1", Format::Oci, &[Layer::new(1, 100)?])?;
    let manifest = |name: &str| {
        ask(
            Method::PUT,
            &format!("{url}/v2/a/b/manifests/{name}"),
            &[("content-type", OCI)],
            &image.root.bytes,
            "",
        )
    };
    let (status, _, body) = manifest("v1")?;
    assert_eq!(
        (status, body.contains("MANIFEST_BLOB_UNKNOWN")),
        (400, true),
        "{body}"
    );
    for blob in &image.blobs {
        let tests::images::Content::Memory(bytes) = &blob.content else {
            continue;
        };
        registry.put_blob(&"a/b".parse()?, bytes.clone());
    }
    assert_eq!(manifest(&Digest::of(b"other").to_string())?.0, 400);
    assert_eq!((manifest("v1")?.0, manifest("v1")?.0), (201, 400));
    let of = |path: &str, headers: &[(&str, &str)]| get(&format!("{url}/v2/{path}"), headers);
    assert_eq!(of("a/b/manifests/v1", &[])?, 404);
    assert_eq!(of("a/b/manifests/v1", &[("accept", OCI)])?, 200);
    assert_eq!(of("a/b/c/tags/list", &[])?, 400);
    let blob = image.blobs.first().context("a config")?.digest;
    assert_eq!(
        (
            of(&format!("a/b/blobs/{blob}"), &[])?,
            of(&format!("a/other/blobs/{blob}"), &[])?
        ),
        (200, 404)
    );

    let post = |query: &str, body: &[u8]| {
        ask(
            Method::POST,
            &format!("{url}/v2/a/other/blobs/uploads/?{query}"),
            &[],
            body,
            "location",
        )
    };
    assert_eq!(post(&format!("mount={blob}&from=a/nowhere"), b"")?.0, 202);
    assert_eq!(post(&format!("mount={blob}&from=a/b"), b"")?.0, 201);
    assert_eq!(
        post(&format!("digest={}", Digest::of(b"right")), b"wrong")?.0,
        400
    );
    assert_eq!(
        post(&format!("digest={}", Digest::of(b"right")), b"right")?.0,
        201
    );
    let (_, location, _) = post("", b"")?;
    let session = format!("{url}{location}");
    let patch = |start: &str, body: &[u8]| {
        ask(
            Method::PATCH,
            &session,
            &[("content-range", start)],
            body,
            "range",
        )
    };
    assert_eq!(patch("0-2", b"abc")?, (202, "0-2".into(), String::new()));
    assert_eq!(patch("4-5", b"ef")?, (416, "0-2".into(), String::new()));
    assert_eq!(patch("3-60002", &[0; 60_000])?.0, 413);
    let (bare, _) = session.split_once('?').context("a query in the location")?;
    assert_eq!(get(bare, &[])?, 400);
    let last = format!("{session}&digest={}", Digest::of(b"abcd"));
    assert_eq!(ask(Method::PUT, &last, &[], b"d", "")?.0, 201);
    Ok(())
}

#[test]
fn tokens_open_only_their_scope_and_run_out() -> Result<()> {
    let tokens = Tokens {
        login: Some(Login::new("me", "secret")),
        uses: Some(2),
        ..Tokens::default()
    };
    let registry = Embedded::start(Settings {
        auth: Auth::Bearer(tokens),
        ..Settings::default()
    })?;
    registry.put_blob(&"a/b".parse()?, "x");
    let blob = format!("{}/v2/a/b/blobs/{}", registry.url(), Digest::of(b"x"));
    let (status, challenge, _) = ask(Method::GET, &blob, &[], b"", "www-authenticate")?;
    let expected = format!(
        "Bearer realm=\"{}/token\",service=\"harness\",scope=\"repository:a/b:pull\"",
        registry.url()
    );
    assert_eq!((status, challenge), (401, expected));
    let token = |name: &str| -> Result<String> {
        let url = format!(
            "{}/token?service=harness&scope=repository:{name}:pull",
            registry.url()
        );
        let body: serde_json::Value =
            serde_json::from_str(&ask(Method::GET, &url, &[], b"", "")?.2)?;
        Ok(format!(
            "Bearer {}",
            body["token"].as_str().unwrap_or_default()
        ))
    };
    let (right, other) = (token("a/b")?, token("a/other")?);
    let with = |token: &str| get(&blob, &[("authorization", token)]);
    assert_eq!(
        (with(&other)?, with(&right)?, with(&right)?, with(&right)?),
        (401, 200, 200, 401)
    );
    let (status, _, _) = ask(
        Method::POST,
        &format!("{}/v2/a/b/blobs/uploads/", registry.url()),
        &[("authorization", &token("a/b")?)],
        b"",
        "",
    )?;
    assert_eq!((status, registry.token_requests()), (401, 3));
    Ok(())
}

#[test]
fn redirects_lead_to_another_host_that_sees_whether_secrets_follow() -> Result<()> {
    let auth = Auth::Basic(Login::new("me", "secret"));
    let registry = Embedded::start(Settings {
        redirect_blobs: true,
        auth,
        ..Settings::default()
    })?;
    registry.put_blob(&"a/b".parse()?, "x");
    let blob = format!("{}/v2/a/b/blobs/{}", registry.url(), Digest::of(b"x"));
    let (status, location, _) = ask(
        Method::GET,
        &blob,
        &[("authorization", "Basic bWU6c2VjcmV0")],
        b"",
        "location",
    )?;
    assert_eq!(
        (status, location.starts_with("http://localhost:")),
        (307, true),
        "{location}"
    );
    assert_eq!(
        get(&location, &[("authorization", "Basic bWU6c2VjcmV0")])?,
        200
    );
    assert_eq!(get(&location, &[])?, 200);
    assert_eq!(
        get(location.split('?').next().unwrap_or_default(), &[])?,
        403
    );
    let seen: Vec<bool> = registry
        .redirect_requests()
        .iter()
        .map(|request| request.authorization_present)
        .collect();
    assert_eq!(seen, [true, false, false]);
    Ok(())
}

#[test]
fn tags_come_in_pages() -> Result<()> {
    let registry = Embedded::start(Settings {
        tags_page: 2,
        ..Settings::default()
    })?;
    let image = Image::artifact("a/b", "t", "application/vnd.example", b"x")?;
    for tag in ["a", "b", "c"] {
        Image {
            tag: Some(tag.parse()?),
            ..image.clone()
        }
        .place(&registry)?;
    }
    let (_, link, body) = ask(
        Method::GET,
        &format!("{}/v2/a/b/tags/list?n=9", registry.url()),
        &[],
        b"",
        "link",
    )?;
    assert_eq!(
        (body.as_str(), link.as_str()),
        (
            r#"{"name":"a/b","tags":["a","b"]}"#,
            r#"</v2/a/b/tags/list?n=2&last=b>; rel="next""#
        )
    );
    let (_, link, body) = ask(
        Method::GET,
        &format!("{}/v2/a/b/tags/list?n=2&last=b", registry.url()),
        &[],
        b"",
        "link",
    )?;
    assert_eq!(
        (body.as_str(), link.as_str()),
        (r#"{"name":"a/b","tags":["c"]}"#, "")
    );
    Ok(())
}

#[test]
fn tls_demands_what_it_is_told_to() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let tls = Tls {
        identity: authority.server()?,
        client_authority: Some(authority.pem().to_owned()),
    };
    let registry = Embedded::start(Settings {
        tls: Some(tls),
        ..Settings::default()
    })?;
    let expired = Embedded::start(Settings {
        tls: Some(Tls {
            identity: authority.expired_server()?,
            client_authority: None,
        }),
        ..Settings::default()
    })?;
    let reach =
        |registry: &Embedded, root: &Authority, shown: Option<&Authority>| -> Result<bool> {
            let root = reqwest::Certificate::from_pem(root.pem().as_bytes())?;
            let mut builder = Client::builder().no_proxy().tls_certs_only([root]);
            if let Some(shown) = shown {
                let shown = shown.client()?;
                builder = builder.identity(Identity::from_pem(
                    format!("{}{}", shown.certificate, shown.key).as_bytes(),
                )?);
            }
            let client = builder.build()?;
            let url = format!("{}/v2/", registry.url());
            block_on(async { client.get(url).send().await.is_ok() })
        };
    assert!(reach(&registry, &authority, Some(&authority))?);
    assert!(!reach(&registry, &authority, None)?);
    assert!(!reach(&registry, &authority, Some(&stranger))?);
    assert!(!reach(&registry, &stranger, Some(&authority))?);
    assert!(!reach(&expired, &authority, None)?);
    Ok(())
}
