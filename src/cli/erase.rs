//! `messaging erase`: a number goes from everything that is at rest, because somebody asked for it.

use std::io::Write;

use clap::Args;

use crate::app;
use crate::cli::Failure;
use crate::cli::admin::{DatabaseArgs, existing};
use crate::config::{self, Env};
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::phone::Msisdn;
use crate::store;

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// The number
    #[arg(long)]
    number: String,
    /// Only what this user has of it
    #[arg(long)]
    user: Option<i64>,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Erase {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let number = Msisdn::parse(&self.number).map_err(|e| config::Error::of("--number", e))?;
        let store = self.database.store(env).await?;
        if let Some(user) = self.user {
            existing(&store, user).await?;
        }
        let done = store.erase_number(&number, self.user.map(OwnerId)).await.map_err(|e| match e {
            e @ store::Error::Key(_) => Failure::Config(app::database_error(&e)),
            e => Failure::other(e),
        })?;
        let subject = format!("{} messages", done.messages);
        store.note_act(Act::NumberErased, self.user.map(OwnerId), &subject).await.map_err(Failure::other)?;
        let (messages, opt_outs, bodies) = (done.messages, done.opt_outs, done.bodies);
        let mut line = |text: String| writeln!(out, "{text}").map_err(Failure::other);
        line(format!("erased: {messages} messages, {opt_outs} opt-outs, {bodies} reports and inbound messages"))?;
        let (under_way, campaigns, waiting) = (done.under_way, done.campaigns, done.waiting);
        line(format!(
            "left: {under_way} messages under way, {campaigns} campaigns that are not over, {waiting} reports and inbound messages that wait"
        ))?;
        if under_way + campaigns + waiting > 0 {
            line(
                "run it again when they have ended, or cancel those campaigns; see messaging inbound review".to_owned(),
            )?;
        }
        Ok(())
    }
}
