//! `messaging audit`: who changed what others may do or what is sent.

use std::io::Write;

use clap::Args;

use crate::cli::Failure;
use crate::cli::admin::DatabaseArgs;
use crate::config::Env;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::store::AuditFilter;

/// List acts, newest first: number, when, who, what, whose, about what
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Only about this user's things
    #[arg(long)]
    user: Option<i64>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    /// Go on after this number
    #[arg(long)]
    before: Option<i64>,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Audit {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let filter = AuditFilter { owner: self.user.map(OwnerId), act: None, before: self.before };
        let acts = self.database.store(env).await?.audit(filter, self.limit).await.map_err(Failure::other)?;
        for done in acts {
            let (act, actor) = (done.act.map_or("unknown", Act::name), done.actor.as_str());
            let owner = done.owner.map_or_else(|| "-".to_owned(), |owner| owner.to_string());
            writeln!(out, "{}\t{}\t{actor}\t{act}\t{owner}\t{}", done.id, done.at, done.subject)
                .map_err(Failure::other)?;
        }
        Ok(())
    }
}
