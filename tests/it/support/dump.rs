//! Everything that a database holds, as one text: every column of every table, bytes in hexadecimal.

use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use messaging::store::Url;

use super::postgres;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The rows of all tables but those that hold no data of ours.
async fn dump(url: &Url) -> String {
    match url {
        Url::Postgres(url) => {
            let client = postgres::connect(url).await.unwrap();
            let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
            let mut all = String::new();
            for table in client.query(tables, &[]).await.unwrap() {
                let table: String = table.get(0);
                let rows = format!("SELECT coalesce(string_agg(t::text, '\n'), '') FROM {table} AS t");
                let rows: String = client.query_one(&rows, &[]).await.unwrap().get(0);
                all.push_str(&rows);
            }
            all
        }
        Url::Sqlite(path) => {
            let mut c = SqliteConnection::establish(path).unwrap();
            let mut load = |sql: String| diesel::sql_query(sql).load::<Line>(&mut c).unwrap();
            let mut all = String::new();
            for Line { text: table } in load("SELECT name AS text FROM sqlite_master WHERE type = 'table'".to_owned()) {
                for Line { text: column } in load(format!("SELECT name AS text FROM pragma_table_info('{table}')")) {
                    let cells = format!("SELECT lower(hex(CAST(\"{column}\" AS BLOB))) AS text FROM \"{table}\"");
                    for cell in load(cells) {
                        all.extend([cell.text.as_str(), "\n"]);
                    }
                }
            }
            all
        }
    }
}

/// Which of these words are somewhere in the database.
pub async fn found<'a>(url: &Url, words: &[&'a str]) -> Vec<&'a str> {
    let all = dump(url).await;
    let hex = |word: &str| word.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    words.iter().copied().filter(|word| all.contains(word) || all.contains(&hex(word))).collect()
}
