/*!
Each fault must do to the bytes on the wire exactly what it says: a fault that does nothing makes every test of resilience pass.
*/

use anyhow::{Context, Result};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};
use reqwest::{Client, Response, header::RANGE};
use schema::Repository;
use tests::block_on;

const SIZE: usize = 300_000;

struct Served {
    registry: FakeRegistry,
    repository: Repository,
    blob: String,
}

fn serve(settings: Settings) -> Result<Served> {
    let registry = FakeRegistry::start(settings)?;
    let repository: Repository = "a/b".parse()?;
    let digest = registry.put_blob(&repository, vec![0; SIZE]);
    let blob = format!("{}/v2/a/b/blobs/{digest}", registry.url());
    Ok(Served {
        registry,
        repository,
        blob,
    })
}

fn client() -> Result<Client> {
    Ok(Client::builder().no_proxy().build()?)
}

/// What arrived, and whether the body ended well.
async fn drain(mut response: Response) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => all.extend_from_slice(&chunk),
            Ok(None) => return (all, true),
            Err(_) => return (all, false),
        }
    }
}

fn fetch(served: &Served, range: Option<&str>) -> Result<(u16, Vec<u8>, bool)> {
    block_on(async {
        let mut request = client()?.get(&served.blob);
        request = range
            .into_iter()
            .fold(request, |request, range| request.header(RANGE, range));
        let response = request.send().await?;
        let status = response.status().as_u16();
        let (bytes, well) = drain(response).await;
        Ok((status, bytes, well))
    })?
}

#[test]
fn answers_are_cut_bent_and_misdescribed_exactly_as_told() -> Result<()> {
    let served = serve(Settings::default())?;
    for after in [0, 1, 65_536, 100_000] {
        served
            .registry
            .fault(Fault::get("/blobs/").does(Action::Cut { after }));
        let (status, bytes, well) = fetch(&served, None)?;
        assert_eq!((status, bytes.len() as u64, well), (200, after, false));
        served.registry.heal();
    }
    served.registry.fault(
        Fault::get("/blobs/")
            .nth(2)
            .does(Action::Flip { at: 70_000 }),
    );
    assert_eq!(fetch(&served, None)?, (200, vec![0; SIZE], true));
    let (_, bytes, _) = fetch(&served, None)?;
    assert_eq!(
        bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte != 0)
            .collect::<Vec<_>>(),
        [(70_000, &1)]
    );
    assert_eq!(fetch(&served, None)?, (200, vec![0; SIZE], true));
    for (more, well) in [(10, false), (-10, true)] {
        served
            .registry
            .fault(Fault::get("/blobs/").does(Action::ClaimLength(more)));
        let (_, bytes, ended) = fetch(&served, None)?;
        assert_eq!(
            (bytes.len(), ended),
            (SIZE.saturating_add_signed((more as isize).min(0)), well),
            "{more}"
        );
        served.registry.heal();
    }
    served
        .registry
        .fault(Fault::get("/blobs/").does(Action::IgnoreRange));
    assert_eq!(fetch(&served, Some("bytes=5-9"))?.0, 200);
    served.registry.heal();
    assert_eq!(fetch(&served, Some("bytes=5-9"))?, (206, vec![0; 5], true));
    served.registry.fault(
        Fault::any("/blobs/")
            .times(1)
            .does(Action::retry_after(503, 7)),
    );
    assert_eq!(fetch(&served, None)?.0, 503);
    served
        .registry
        .fault(Fault::any("/blobs/").nth(2).does(Action::Unauthorized));
    assert_eq!(
        (fetch(&served, None)?.0, fetch(&served, None)?.0),
        (200, 401)
    );
    Ok(())
}

#[test]
fn a_cut_upload_is_kept_with_its_offset_or_forgotten() -> Result<()> {
    for keep in [true, false] {
        let served = serve(Settings {
            keep_cut_uploads: keep,
            ..Settings::default()
        })?;
        served.registry.fault(
            Fault::on("PATCH", "/uploads/")
                .times(1)
                .does(Action::CutUpload { after: 1000 }),
        );
        let (sent, status) = block_on(async {
            let client = client()?;
            let start = format!(
                "{}/v2/{}/blobs/uploads/",
                served.registry.url(),
                served.repository
            );
            let response = client.post(start).send().await?;
            let location = response
                .headers()
                .get("location")
                .context("no Location")?
                .to_str()?
                .to_owned();
            let session = format!("{}{location}", served.registry.url());
            let sent = client.patch(&session).body(vec![1; SIZE]).send().await;
            anyhow::Ok((sent.is_ok(), client.get(&session).send().await?))
        })??;
        assert!(!sent);
        let range = status
            .headers()
            .get("range")
            .and_then(|value| value.to_str().ok());
        let expected = if keep {
            (204, Some("0-999"))
        } else {
            (404, None)
        };
        assert_eq!((status.status().as_u16(), range), expected);
    }
    Ok(())
}
