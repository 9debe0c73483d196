/*!
`importer drift`: whether clusters are as a bundle says.

It is the preflight of `apply` on all clusters, which changes nothing, with an exit code of its own: 0 where everything is
right, 42 where anything differs. Clusters that could not be asked keep the codes that `apply` gives them. With `--watch` it
looks again and again, and shows what has changed since the last look.
*/

mod args;
mod changes;
mod watch;

use cli::{Exit, StatusTable};
use schema::{bundle::Verified, text::Page};

pub use args::DriftArgs;

use crate::{
    Error,
    apply::{
        ApplyReport,
        command::{self, Brought, PreparedApply},
        manifests::collect::Collected,
        outcome::{Action, Applied},
    },
    options::DryRun,
    rollout::{Finished, State},
};

/// Compares clusters with a bundle, once or again and again, and shows what it finds.
pub async fn drift(
    bundle: Verified,
    args: DriftArgs,
    status: StatusTable,
    show: impl Fn(&Page) -> Result<(), Error>,
) -> Result<Exit, Error> {
    let DriftArgs {
        apply: mut args,
        watch,
    } = args;
    if args.dry_run.is_some()
        || args.objects.backup.is_some()
        || args.objects.render_to_dir.is_some()
    {
        let reason = "drift changes nothing and writes nothing: leave out --dry-run, --backup and --render-to-dir";
        return Err(Error::Usage(reason.to_owned()));
    }
    if args.proof.prove_pull {
        let reason =
            "drift creates no pods: leave out --prove-pull, or give it to apply or upgrade";
        return Err(Error::Usage(reason.to_owned()));
    }
    args.dry_run = Some(DryRun::Server);
    let index = bundle.index().clone();
    let rendered = command::rendered(&index, &args)?;
    let mut request = args.request()?;
    // No cluster is going to be begun, so that nothing need hold for it.
    request.rollout.fleet.without_gates();
    let prepared = PreparedApply::new(request)?;
    let job = prepared.job(Brought {
        index: &index,
        bundle: bundle.id(),
        collected: Collected::of(bundle)?,
        rendered: &rendered,
    })?;
    if let Some(interval) = watch {
        return watch::watch(&job, interval, args.format, status, show).await;
    }
    let finished = job.run(status).await;
    show(&finished.shown(args.format)?)?;
    Ok(verdict(&finished))
}

/// With which code the program ends after a look.
fn verdict(finished: &Finished<Applied>) -> Exit {
    match exit(&finished.report) {
        // All is right, but for the report perhaps.
        Exit::Done => finished.exit,
        other => other,
    }
}

/// Nothing is said of drift where not everything could be asked.
fn exit(report: &ApplyReport) -> Exit {
    let asked = |state| matches!(state, State::Done | State::Failed);
    let objects = report.clusters.iter();
    let mut objects = objects.flat_map(|cluster| &cluster.detail.objects);
    let unknown = report.clusters.iter().any(|cluster| !asked(cluster.state))
        || objects
            .clone()
            .any(|object| object.action == Action::Failed);
    match unknown {
        true => report.exit(),
        false if objects.any(|object| object.action != Action::Unchanged) => Exit::Drift,
        false => report.exit(),
    }
}

#[cfg(test)]
mod tests {
    use cluster::testing::cluster;

    use super::*;
    use crate::{apply::outcome::ObjectOutcome, rollout::ClusterOutcome};

    fn report(state: State, actions: &[Action]) -> ApplyReport {
        let objects = actions.iter().map(|action| ObjectOutcome {
            path: "config/a.yaml".to_owned(),
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            namespace: None,
            name: "a".to_owned(),
            action: *action,
            reason: None,
        });
        let detail = Applied {
            objects: objects.collect(),
            ..Applied::default()
        };
        let outcome = ClusterOutcome {
            detail,
            ..ClusterOutcome::new(&cluster(), state, None)
        };
        ApplyReport::new(true, vec![outcome])
    }

    #[test]
    fn what_differs_is_drift_and_what_could_not_be_asked_is_none() {
        for (state, actions, expected) in [
            (State::Done, &[Action::Unchanged][..], Exit::Done),
            (
                State::Done,
                &[Action::Unchanged, Action::Configured],
                Exit::Drift,
            ),
            (State::Done, &[Action::Created], Exit::Drift),
            (State::Done, &[Action::Skipped], Exit::Drift),
            (State::Failed, &[Action::Conflict], Exit::Drift),
            (
                State::Failed,
                &[Action::Failed, Action::Configured],
                Exit::AllClusters,
            ),
            (State::Unreachable, &[], Exit::AllClusters),
        ] {
            assert_eq!(exit(&report(state, actions)), expected, "{actions:?}");
        }
    }
}
