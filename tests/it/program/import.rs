//! `messaging import-legacy`, from throw-away databases such as the old system may have left behind, into both of ours.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write};
use std::process::{ExitCode, Stdio};

use messaging::config::Env;
use messaging::proto;

use crate::http::post::{DLR, post};
use crate::support::app::{Home, ORDINARY, TestApp};
use crate::support::database::{Kind, on_both_databases};
use crate::support::postgres::{Guard, connect, fresh_database};
use crate::support::program::{failed, messaging, printed, run};
use crate::support::store::{count, execute};

/// As Prisma makes it, with the columns that are likeliest.
const LIKELY: &str = r#"
    CREATE TYPE "MessageStatus" AS ENUM ('queued', 'sent', 'failed', 'cancelled', 'weird');
    CREATE TABLE "User" (id serial PRIMARY KEY, email text NOT NULL, "passwordHash" text, "senderName" text,
      "createdAt" timestamp(3) NOT NULL DEFAULT now());
    CREATE TABLE "Campaign" (id serial PRIMARY KEY, "userId" int NOT NULL, name text NOT NULL, message text, sender text,
      status text, "createdAt" timestamp(3) NOT NULL DEFAULT now(), "updatedAt" timestamp(3));
    CREATE TABLE "CampaignMessage" (id serial PRIMARY KEY, "campaignId" int NOT NULL, "to" text NOT NULL, text text,
      status "MessageStatus" NOT NULL, "providerMessageId" text, "trafficAccountId" text, "sentAt" timestamp(3),
      "deliveredAt" timestamp(3), "failedAt" timestamp(3), error text, "createdAt" timestamp(3) NOT NULL,
      "updatedAt" timestamp(3));
    INSERT INTO "User" (email, "passwordHash", "senderName") VALUES
      ('ann@example.com', 'canary-password', 'AnnShop'), ('bob@example.com', NULL, 'My Shop!');
    INSERT INTO "Campaign" ("userId", name, message, status) VALUES
      (1, 'spring', 'Hello', 'SENT'), (2, 'summer', 'Sun', 'queued'), (99, 'nobody''s', 'Lost', 'sent');
    INSERT INTO "CampaignMessage"
      ("campaignId", "to", status, "providerMessageId", "sentAt", "deliveredAt", "failedAt", error, "createdAt") VALUES
      (1, '+306900000001', 'sent', 'p-1', '2025-01-01 10:00:02', NULL, NULL, NULL, '2025-01-01 10:00:01.123'),
      (1, '+306900000002', 'sent', 'p-2', '2025-01-01 10:00:01', '2025-01-01 10:00:09', NULL, NULL, '2025-01-01 10:00:00'),
      (1, '+306900000003', 'failed', 'p-3', '2025-01-01 10:00:02', NULL, '2025-01-01 10:01:00', 'absent', '2025-01-01 10:00:02'),
      (1, '+306900000004', 'queued', NULL, NULL, NULL, NULL, NULL, '2025-01-01 10:00:03'),
      (2, '+306900000005', 'queued', 'p-5', NULL, NULL, NULL, NULL, '2025-01-01 10:00:04'),
      (2, '+306900000006', 'weird', NULL, NULL, NULL, NULL, NULL, '2025-01-01 10:00:05'),
      (1, '4455-canary', 'sent', 'p-7', NULL, NULL, NULL, NULL, '2025-01-01 10:00:06'),
      (3, '+306900000008', 'sent', 'p-8', NULL, NULL, NULL, NULL, '2025-01-01 10:00:07'),
      (2, '0030 690 000 0009', 'cancelled', NULL, NULL, NULL, NULL, NULL, '2025-01-01 10:00:08'),
      (1, '+306900000010', 'sent', 'p-1', NULL, NULL, NULL, NULL, '2025-01-01 10:00:09');"#;

/// Other names: snake case, other words, and one that has to be said.
const OTHER: &str = r"
    CREATE SCHEMA app;
    CREATE TABLE app.users (id bigint PRIMARY KEY, full_name varchar(80), sender text, created timestamptz);
    CREATE TABLE app.campaigns (id bigint PRIMARY KEY, owner_id int, title text, body text);
    CREATE TABLE app.blasts (id bigint PRIMARY KEY, campaign_id int, msisdn text, state text, mitto_id text,
      made timestamp, delivered_at timestamptz);
    INSERT INTO app.users VALUES (1, 'Ann', 'Ann', '2024-05-01T00:00:00Z');
    INSERT INTO app.campaigns VALUES (1, 1, 'spring', 'Hello');
    INSERT INTO app.blasts VALUES (7, 1, '306900000001', 'DELIVERED', 'p-1', '2024-05-01 12:00', NULL),
      (8, 1, '306900000002', 'PENDING', NULL, '2024-05-01 12:00', NULL)";

/// An old database, and one of ours.
struct Both {
    from: String,
    home: Home,
    url: String,
    _guard: Guard,
}

impl Both {
    async fn new(kind: Kind, old: &str) -> Self {
        let (from, guard) = fresh_database().await;
        let home = Home::new(kind).await;
        let both = Self { from, url: home.url(), home, _guard: guard };
        both.old(old).await;
        printed(&["migrate"], &both.env());
        both
    }

    /// Changes the old database.
    async fn old(&self, statements: &str) {
        connect(&self.from).await.unwrap().batch_execute(statements).await.unwrap();
    }

    fn env(&self) -> [(&str, &str); 2] {
        [("DATABASE_URL", &self.url), ("MITTO_SENDER", "Default")]
    }

    /// Runs it to a good end.
    fn import(&self, more: &[&str]) -> String {
        printed(&[&["import-legacy", "--from", &self.from], more].concat(), &self.env())
    }

    /// How many of our rows there are.
    async fn count(&self, what: &str) -> i64 {
        count(&self.home.config.url, what).await
    }
}

/// A table's counts: rows, imported, known before, skipped.
fn counts(said: &str, table: &str) -> [i64; 4] {
    let row = said.lines().find(|line| line.split_whitespace().next() == Some(table)).unwrap();
    let numbers: Vec<i64> = row.split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

on_both_databases![std::future::ready =>
    everything_is_taken_once_and_what_is_new_later,
    a_dry_run_counts_and_takes_nothing,
    other_names_are_found_or_said_and_ids_that_are_taken_are_mapped,
    what_is_missing_is_told_in_one_line,
    contacts_that_want_no_messages_are_taken_once_onto_the_lists_of_their_users,
    an_import_that_was_cut_off_or_killed_is_completed_by_the_next,
    two_imports_at_once_take_everything_once,
    house_keeping_begins_anew_because_what_was_taken_is_old,
    what_was_taken_is_at_rest_and_reports_and_refreshes_still_find_it,
];

async fn everything_is_taken_once_and_what_is_new_later(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;

    let said = both.import(&["--batch", "3"]);

    assert_eq!(counts(&said, "User"), [2, 2, 0, 0]);
    assert_eq!(counts(&said, "Campaign"), [3, 2, 0, 1]);
    assert_eq!(counts(&said, "CampaignMessage"), [10, 8, 0, 2]);
    assert!(said.contains("every counter of the imported campaigns is the number of their messages"), "{said}");
    let named =
        ["note\tUser\t2\t", "skipped\tCampaign\t3\t", "skipped\tCampaignMessage\t7\t", "skipped\tCampaignMessage\t8\t"];
    assert!(named.iter().all(|start| said.lines().any(|line| line.starts_with(start))), "{said}");
    assert!(!said.contains("canary") && !said.contains("4455"), "{said}");
    // In the order of the rows, except that the second is the oldest.
    for (what, n) in [
        ("messages WHERE status = 4 AND dispatch = 4 AND provider_message_id = 'p-1'", 2),
        (
            "messages WHERE status = 5 AND delivery_rank = 40 AND provider_message_id = 'p-2' AND delivered_at IS NOT NULL",
            1,
        ),
        (
            "messages WHERE status = 6 AND error = 'absent' AND error_code = 'LEGACY_FAILED' AND failed_at IS NOT NULL",
            1,
        ),
        ("messages WHERE status = 8 AND error_code = 'LEGACY_NOT_SENT' AND destination = '+306900000004'", 1),
        ("messages WHERE status = 4 AND provider_message_id = 'p-5'", 1),
        ("messages WHERE status = 7 AND error_code = 'LEGACY_UNKNOWN' AND destination = '+306900000006'", 1),
        ("messages WHERE status = 8 AND error_code IS NULL AND destination = '+306900000009'", 1),
        ("messages WHERE owner_id = 1 AND campaign_id = 1 AND text = 'Hello' AND sender = 'AnnShop'", 5),
        ("messages WHERE owner_id = 2 AND campaign_id = 2 AND text = 'Sun' AND sender = 'Default'", 3),
        ("messages WHERE due_at IS NOT NULL OR held_by IS NOT NULL", 0),
        (
            "messages WHERE id = (SELECT min(id) FROM messages) AND destination = '+306900000002'",
            i64::from(kind == Kind::Sqlite),
        ),
        ("events", 8),
        ("events WHERE from_status <> to_status", 0),
        ("campaigns WHERE ended_at IS NULL", 0),
        ("campaigns WHERE first_sent_at = (SELECT sent_at FROM messages WHERE provider_message_id = 'p-2')", 1),
        ("users WHERE sender_name = 'AnnShop'", 1),
        ("users WHERE name LIKE '%canary%'", 0),
    ] {
        // Postgres has no smallest UUID.
        if !(kind == Kind::Postgres && what.contains("min(id)")) {
            assert_eq!(both.count(what).await, n, "{what}");
        }
    }

    let again = both.import(&[]);
    assert_eq!(counts(&again, "User"), [2, 0, 2, 0]);
    assert_eq!(counts(&again, "CampaignMessage"), [10, 0, 8, 2]);
    assert_eq!(both.count("messages").await, 8);

    both.old(
        r#"INSERT INTO "User" (email) VALUES ('cid@example.com');
        INSERT INTO "Campaign" ("userId", name, message) VALUES (3, 'autumn', 'Leaves');
        UPDATE "CampaignMessage" SET "to" = '+306900000007' WHERE id = 7;
        INSERT INTO "CampaignMessage" ("campaignId", "to", status, "createdAt") VALUES (4, '+306900000011', 'sent', now())"#,
    )
    .await;
    let later = both.import(&[]);
    assert_eq!(counts(&later, "User"), [3, 1, 2, 0]);
    assert_eq!(counts(&later, "CampaignMessage"), [11, 2, 8, 1]);
    assert_eq!(printed(&["user", "create", "--name", "dora"], &both.env()), "4");
}

async fn a_dry_run_counts_and_takes_nothing(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;
    let dry = both.import(&["--dry-run"]);
    assert_eq!((counts(&dry, "Campaign"), counts(&dry, "CampaignMessage")), ([3, 2, 0, 1], [10, 8, 0, 2]));
    assert_eq!(both.count("users").await + both.count("messages").await + both.count("legacy_imports").await, 0);
    let said = both.import(&[]);
    let lines =
        |said: &str| said.lines().filter(|line| line.starts_with("skipped")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&dry), lines(&said));
    assert_eq!(printed(&["user", "create", "--name", "dora"], &both.env()), "3");
}

async fn other_names_are_found_or_said_and_ids_that_are_taken_are_mapped(kind: Kind) {
    let both = Both::new(kind, OTHER).await;
    assert_eq!(printed(&["user", "create", "--name", "somebody"], &both.env()), "1");
    let from = format!("{}?schema=app&connection_limit=5", both.from);
    let env = [both.env().as_slice(), &[("LEGACY_DATABASE_URL", &from)]].concat();
    let maps = ["--map", "CampaignMessage=blasts", "--map", "CampaignMessage.createdAt=made"];
    let refused = printed(&[&["import-legacy"], &maps[..]].concat(), &env);
    assert_eq!(counts(&refused, "CampaignMessage"), [2, 0, 0, 2], "numbers without a country code: {refused}");

    let said = printed(&[&["import-legacy", "--add-plus", "--queued-as", "unknown"], &maps[..]].concat(), &env);

    assert_eq!((counts(&said, "User"), counts(&said, "CampaignMessage")), ([1, 0, 1, 0], [2, 2, 0, 0]));
    assert_eq!(both.count("users WHERE id = 2 AND name = 'Ann' AND sender_name = 'Ann'").await, 1);
    assert_eq!(both.count("campaigns WHERE id = 1 AND owner_id = 2 AND name = 'spring'").await, 1);
    assert_eq!(both.count("messages WHERE owner_id = 2 AND destination = '+306900000001' AND status = 5").await, 1);
    assert_eq!(both.count("messages WHERE owner_id = 2 AND destination = '+306900000002' AND status = 7").await, 1);
}

async fn contacts_that_want_no_messages_are_taken_once_onto_the_lists_of_their_users(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;
    let said = both.import(&[]);
    assert!(said.contains("note\tContact\t-\tthere is no such table"), "{said}");
    both.old(
        r#"CREATE TABLE "Contact" (id serial PRIMARY KEY, "userId" int, phone text, unsubscribed boolean DEFAULT false,
          "unsubscribedAt" timestamp(3));
        INSERT INTO "Contact" ("userId", phone, unsubscribed, "unsubscribedAt") VALUES
          (1, '+306900000001', true, '2025-01-01 10:00'), (1, '+306900000002', false, NULL),
          (2, '0030 690 000 0001', true, NULL), (2, '4455-canary', true, NULL), (99, '+306900000003', true, NULL),
          (1, '+306900000004', NULL, NULL), (1, '+306900000005', false, '2025-01-01 10:00')"#,
    )
    .await;

    let dry = both.import(&["--dry-run"]);
    assert_eq!((counts(&dry, "Contact"), both.count("opt_outs").await), ([5, 3, 0, 2], 0));
    let said = both.import(&["--batch", "1"]);

    assert_eq!(counts(&said, "Contact"), [5, 3, 0, 2]);
    assert!(["4", "5"].iter().all(|id| said.contains(&format!("skipped\tContact\t{id}\t"))), "{said}");
    assert!(!said.contains("canary"), "{said}");
    let lists = ["1", "2"].map(|user| printed(&["opt-out", "list", "--user", user], &both.env()));
    assert_eq!(lists[0].lines().next(), Some("+306900000001\trecipient\t2025-01-01T10:00:00Z"));
    assert!(lists[0].lines().nth(1).is_some_and(|line| line.starts_with("+306900000005\t")), "{}", lists[0]);
    assert!(lists[1].lines().count() == 1 && lists[1].starts_with("+306900000001\trecipient\t"), "{}", lists[1]);

    // Whoever came off a list here stays off it, and whoever is new is taken.
    printed(&["opt-out", "remove", "+306900000001", "--user", "1"], &both.env());
    both.old(r#"UPDATE "Contact" SET unsubscribed = true WHERE id = 2"#).await;
    let later = both.import(&[]);
    assert_eq!(counts(&later, "Contact"), [6, 1, 3, 2]);
    assert_eq!(both.count("opt_outs WHERE owner_id = 1 AND destination = '+306900000001'").await, 0);
    assert_eq!(both.count("opt_outs").await, 3);

    both.old(r#"ALTER TABLE "Contact" DROP unsubscribed, DROP "unsubscribedAt""#).await;
    let refused = failed(&["import-legacy", "--from", &both.from], &both.env(), 2);
    assert!(refused.contains("lacks Contact.unsubscribed") && refused.contains("--map Contact="), "{refused}");
    let said = both.import(&["--map", "Contact="]);
    assert!(said.contains("note\tContact"), "{said}");
}

async fn what_is_missing_is_told_in_one_line(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;
    let import = |from: &str, more: &[&str], status| {
        failed(&[&["import-legacy", "--from", from], more].concat(), &both.env(), status)
    };
    let said = import(&both.from, &["--map", "User=Nobody", "--map", "CampaignMessage.to=nowhere"], 2);
    assert!(said.contains("the table Nobody") && said.contains("the column nowhere for CampaignMessage.to"), "{said}");
    let said = import(&both.from, &["--map", "CampaignMessage.sentAt=error"], 2);
    assert!(said.contains("CampaignMessage.sentAt as a time: the column error is text"), "{said}");
    both.old(r#"ALTER TABLE "CampaignMessage" RENAME status TO s"#).await;
    assert!(import(&both.from, &[], 2).contains("lacks CampaignMessage.status (or "));
    both.old(r#"DROP TABLE "CampaignMessage""#).await;
    assert!(import(&both.from, &[], 2).contains("lacks a table CampaignMessage (or "));
    assert!(import(&both.from, &["--map", "User.password=x"], 2).contains("names no column"));
    assert!(import("mysql://root:canary@localhost/x", &[], 2).contains("--from must be postgres://"));
    let said = import("postgres://ann:canary@127.0.0.1:9/x", &[], 1);
    assert!(said.contains("the old database cannot be read") && !said.contains("canary"), "{said}");
    assert!(failed(&["import-legacy"], &both.env(), 2).contains("--from is required"));
}

/// Takes so many lines, and is gone.
struct GoesAway(usize);

impl Write for GoesAway {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let ends = bytes.split(|b| *b == b'\n').count() - 1;
        self.0 = self.0.checked_sub(ends).ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Three hundred more messages, each hundredth of which is broken.
const MANY: &str = r#"INSERT INTO "CampaignMessage" ("campaignId", "to", status, "providerMessageId", "createdAt")
    SELECT 1 + i % 2, CASE WHEN i % 100 = 50 THEN 'x' ELSE '+3069000' || 10000 + i END, 'sent', 'many-' || i,
    timestamp '2025-02-01' + i * interval '1 second' FROM generate_series(1, 300) AS i"#;

async fn an_import_that_was_cut_off_or_killed_is_completed_by_the_next(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;
    both.old(MANY).await;
    let arguments = ["messaging", "import-legacy", "--from", &both.from, "--batch", "10"].map(Into::into);
    let env = Env::new(both.env().map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect());
    // Two notes, and what is broken: a campaign, two of the first ten messages. The one after them is too much.
    let exit = Box::pin(messaging::cli::run(arguments.into_iter(), env, &mut GoesAway(5), &mut std::io::sink())).await;
    assert_eq!(format!("{exit:?}"), format!("{:?}", ExitCode::from(1)));
    let after_the_cut = both.count("messages").await;
    assert!((8..100).contains(&after_the_cut), "{after_the_cut}");

    let arguments = ["import-legacy", "--from", &both.from, "--batch", "1"];
    let mut killed = messaging(&arguments, &both.env()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(killed.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("skipped\tCampaignMessage\t60\t")));
    killed.kill().unwrap();
    killed.wait().unwrap();

    let said = both.import(&[]);
    let [rows, imported, known, skipped] = counts(&said, "CampaignMessage");
    assert_eq!((rows, skipped, imported + known), (310, 5, 305));
    assert!(known >= after_the_cut, "{said}");
    assert_eq!(both.count("messages").await, 305);
    let once = "(SELECT provider_message_id FROM messages WHERE provider_message_id LIKE 'many-%' \
        GROUP BY provider_message_id HAVING count(*) = 1) AS once";
    assert_eq!(both.count(once).await, 297);
}

async fn two_imports_at_once_take_everything_once(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;
    both.old(MANY).await;
    let arguments = ["import-legacy", "--from", &both.from, "--batch", "20"];
    let start = || messaging(&arguments, &both.env()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ends = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let mut imported = [0; 3];
    for end in ends {
        let said = String::from_utf8(end.stdout).unwrap();
        assert!(end.status.success(), "{said}{}", String::from_utf8_lossy(&end.stderr));
        for (sum, table) in imported.iter_mut().zip(["User", "Campaign", "CampaignMessage"]) {
            *sum += counts(&said, table)[1];
        }
    }
    assert_eq!(imported, [2, 2, 305]);
    assert_eq!((both.count("users").await, both.count("messages").await), (2, 305));
}

async fn house_keeping_begins_anew_because_what_was_taken_is_old(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;
    both.import(&["--dry-run"]);
    let last = match kind {
        Kind::Sqlite => "x'ffffffffffffffffffffffffffffffff'",
        Kind::Postgres => "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
    };
    execute(&both.home.config.url, &format!("UPDATE chores SET after_id = {last}")).await;
    both.import(&[]);
    assert!(both.count("chores").await > 0);
    assert_eq!(both.count(&format!("chores WHERE after_id = {last}")).await, 0);
}

async fn what_was_taken_is_at_rest_and_reports_and_refreshes_still_find_it(kind: Kind) {
    let both = Both::new(kind, LIKELY).await;
    both.import(&[]);
    let now = "2025-01-01T12:00:00Z".parse().unwrap();
    let app = TestApp::over(both.home, now, None).await;
    let all = async |app: &TestApp| {
        let mut states = Vec::new();
        for owner in [1, 2].map(messaging::domain::ids::OwnerId) {
            let request = proto::ListMessagesRequest { page_size: 100, ..Default::default() };
            let page = app.client_of(owner, ORDINARY).list_messages(request).await.unwrap().into_inner();
            states.extend(page.messages.into_iter().map(|m| (m.destination, m.status)));
        }
        states.into_iter().collect::<HashMap<_, _>>()
    };
    let before = all(&app).await;
    assert_eq!(before.len(), 8);
    for _ in 0..5 {
        app.run_due().await;
        app.advance(86_400);
    }
    assert_eq!(all(&app).await, before);
    assert!(app.ledger("").await.is_empty(), "something was sent");

    // A report of what two messages carry; and what a refresh by hand would ask about.
    let report = r#"{"messageId":"p-1","deliveryStatus":"Delivered","updatedAt":"2025-01-02T10:00:00Z"}"#;
    assert_eq!(post(&app, DLR, report).await["updated"], 2);
    let after = all(&app).await;
    let delivered = proto::MessageStatus::Delivered as i32;
    assert_eq!([after["+306900000001"], after["+306900000010"]], [delivered; 2]);
    let (owner, campaign) = (messaging::domain::ids::OwnerId(2), messaging::domain::ids::CampaignId(2));
    assert_eq!(app.store.count_refresh_targets(owner, campaign, false).await.unwrap(), 1);
    let stats = proto::GetCampaignStatsRequest { campaign_id: 1 };
    let stats = app.campaigns_of(messaging::domain::ids::OwnerId(1)).get_campaign_stats(stats).await.unwrap();
    let stats = stats.into_inner().stats.unwrap();
    assert_eq!((stats.total, stats.delivered, stats.failed, stats.cancelled), (5, 3, 1, 1));
    assert!(app.ledger("").await.is_empty(), "something was sent");
}

#[test]
fn the_manual_lists_every_name_that_is_looked_for() {
    let manual = crate::support::files::read("docs/migrating.md");
    for field in messaging::legacy::FIELDS {
        let needed = if field.required { "yes" } else { "" };
        let names = field.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let row = format!("| `{}.{}` | {needed} | {names} |", field.table.name(), field.name);
        assert!(manual.contains(&row), "docs/migrating.md lacks\n{row}");
    }
    let help = String::from_utf8(run(&["import-legacy", "--help"], &[]).stdout).unwrap();
    let flags = help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
    for flag in flags.map(|word| word.trim_end_matches([',', '.', '`'])) {
        assert!(manual.contains(flag) || flag == "--sandbox", "docs/migrating.md lacks {flag}");
    }
}
