//! Which table and column each field is in: found by name, or said by `--map`; refused in one line if something is missing.

use std::collections::BTreeMap;

use super::Error;
use super::names::{FIELDS, Field, Holds, TABLES, Table, plain};

/// The meaning of `--map`: `Table=table`, or `Table.column=column`; nothing after the `=` means that there is none.
#[derive(Debug, Clone)]
pub struct Mapping {
    table: Table,
    field: Option<&'static str>,
    name: String,
}

impl Mapping {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Mapping(format!("{text} {why}"));
        let (what, name) = text.split_once('=').ok_or_else(|| wrong("must look like Table.column=name"))?;
        let (table, field) = what.split_once('.').map_or((what, None), |(table, field)| (table, Some(field)));
        let table = TABLES.into_iter().map(|(table, _)| table).find(|t| plain(t.name()) == plain(table));
        let table = table.ok_or_else(|| wrong("names no table: User, Campaign or CampaignMessage"))?;
        let field = field.map(|field| {
            let known = FIELDS.iter().find(|f| f.table == table && plain(f.name) == plain(field));
            known.map(|f| f.name).ok_or_else(|| wrong("names no column that is looked for; see docs/migrating.md"))
        });
        let field = field.transpose()?;
        if field.is_none() && name.is_empty() && !table.optional() {
            return Err(wrong("must name a table"));
        }
        Ok(Self { table, field, name: name.to_owned() })
    }
}

/// A column as `information_schema` has it.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub table: String,
    pub name: String,
    /// `data_type`, for example `integer` or `timestamp without time zone`.
    pub kind: String,
}

/// Where each field is.
pub(super) struct Shape {
    tables: Vec<(Table, String)>,
    /// By table and field: the column.
    columns: BTreeMap<(&'static str, &'static str), String>,
}

impl Shape {
    /// Finds everything, or says in one line what is missing.
    pub(super) fn find(columns: &[Column], mappings: &[Mapping]) -> Result<Self, Error> {
        let mut shape = Self { tables: Vec::new(), columns: BTreeMap::new() };
        let mut lacking = Vec::new();
        for (table, names) in TABLES {
            let said = mappings.iter().rev().find(|m| m.table == table && m.field.is_none()).map(|m| m.name.as_str());
            let found = table_of(columns, names, said);
            if found.is_none() && table.optional() && said.is_none_or(str::is_empty) {
                continue;
            }
            let Some(found) = found else {
                lacking.push(said.map_or_else(
                    || format!("a table {} (or {})", table.name(), names.get(1..).unwrap_or_default().join(", ")),
                    |said| format!("the table {said}"),
                ));
                continue;
            };
            for field in FIELDS.iter().filter(|f| f.table == table) {
                match column_of(columns, &found, field, mappings) {
                    Ok(Some(column)) => drop(shape.columns.insert((table.name(), field.name), column)),
                    Ok(None) => {}
                    Err(missing) => lacking.push(missing),
                }
            }
            shape.tables.push((table, found));
        }
        let has = |table: Table, field| shape.columns.contains_key(&(table.name(), field));
        let either = |table: Table, one, other| !shape.has(table) || has(table, one) || has(table, other);
        if lacking.is_empty() && !either(Table::CampaignMessage, "campaignId", "userId") {
            lacking.push("CampaignMessage.campaignId (or CampaignMessage.userId)".to_owned());
        }
        if !either(Table::Contact, "unsubscribed", "unsubscribedAt") {
            lacking
                .push("Contact.unsubscribed (or Contact.unsubscribedAt; --map Contact= takes no contacts)".to_owned());
        }
        if lacking.is_empty() {
            return Ok(shape);
        }
        Err(Error::Shape(format!("lacks {}; name what is there with --map Table.column=name", lacking.join("; "))))
    }

    /// Whether there is such a table.
    pub(super) fn has(&self, table: Table) -> bool {
        self.tables.iter().any(|(t, _)| *t == table)
    }

    /// The condition on the rows that are taken: of contacts, those that want no messages.
    fn wanted(&self, table: Table) -> String {
        if table != Table::Contact {
            return "TRUE".to_owned();
        }
        let says = self.column(table, "unsubscribed").map(quote);
        let says = says.map(|column| format!("lower(old.{column}::text) IN ('true', 't', 'yes', 'y', '1')"));
        let at = self.column(table, "unsubscribedAt").map(|column| format!("old.{} IS NOT NULL", quote(column)));
        format!("({})", says.into_iter().chain(at).collect::<Vec<_>>().join(" OR "))
    }

    /// The statement that reads a page: `$1` is the id that it begins after, `$2` how many rows it has. Every value is text:
    /// times are microseconds since 1970.
    pub(super) fn page(&self, schema: &str, table: Table) -> String {
        let columns: Vec<String> = fields(table).map(|field| self.expression(field)).collect();
        let id = self.column(table, "id").map(quote).unwrap_or_default();
        let from = self.from(schema, table);
        // Qualified: a bare name would order by the answer's column of that name, which is text.
        let (after, limit) = ("$1::bigint", "$2::bigint");
        format!(
            "SELECT {} FROM {from} AS old WHERE old.{id} > {after} AND {} ORDER BY old.{id} LIMIT {limit}",
            columns.join(", "),
            self.wanted(table)
        )
    }

    /// The statement that counts the rows that are taken and finds the largest id.
    pub(super) fn count(&self, schema: &str, table: Table) -> String {
        let id = self.column(table, "id").map(quote).unwrap_or_default();
        let (from, wanted) = (self.from(schema, table), self.wanted(table));
        format!("SELECT count(*), coalesce(max({id}), 0)::bigint FROM {from} AS old WHERE {wanted}")
    }

    fn from(&self, schema: &str, table: Table) -> String {
        let name = self.tables.iter().find(|(t, _)| *t == table).map(|(_, name)| name.as_str());
        format!("{}.{}", quote(schema), quote(name.unwrap_or_default()))
    }

    fn column(&self, table: Table, field: &'static str) -> Option<&str> {
        self.columns.get(&(table.name(), field)).map(String::as_str)
    }

    fn expression(&self, field: &Field) -> String {
        let Some(column) = self.column(field.table, field.name).map(quote) else { return "NULL::text".to_owned() };
        match field.holds {
            Holds::Id | Holds::Text => format!("{column}::text"),
            Holds::Time => {
                format!(
                    "(CASE WHEN isfinite({column}) THEN (extract(epoch FROM {column}) * 1000000)::bigint END)::text"
                )
            }
        }
    }
}

/// A table's fields, in the order in which a page has them.
pub(super) fn fields(table: Table) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(move |f| f.table == table)
}

/// The table: the one that was named, else the first of the likely ones, spelt as it is before any other spelling.
fn table_of(columns: &[Column], names: &[&str], said: Option<&str>) -> Option<String> {
    let there = |name: &&str| columns.iter().find(|c| c.table == *name).map(|c| c.table.clone());
    if let Some(said) = said {
        return there(&said);
    }
    let alike = |name: &&str| columns.iter().find(|c| plain(&c.table) == plain(name)).map(|c| c.table.clone());
    names.iter().find_map(there).or_else(|| names.iter().find_map(alike))
}

/// The field's column in the table; `None` if there is none and none is needed.
fn column_of(columns: &[Column], table: &str, field: &Field, mappings: &[Mapping]) -> Result<Option<String>, String> {
    let name = format!("{}.{}", field.table.name(), field.name);
    let mapping = mappings.iter().rev().find(|m| m.table == field.table && m.field == Some(field.name));
    let said = mapping.map(|m| m.name.as_str());
    let mut of_table = columns.iter().filter(|c| c.table == table);
    let found = match said {
        Some(said) => of_table.find(|c| c.name == said),
        None => field.names.iter().find_map(|n| of_table.clone().find(|c| plain(&c.name) == plain(n))),
    };
    let Some(found) = found else {
        return match said {
            Some("") | None if !field.required => Ok(None),
            Some(said) if !said.is_empty() => Err(format!("the column {said} for {name}")),
            _ => Err(format!("{name} (or {})", field.names.get(1..).unwrap_or_default().join(", "))),
        };
    };
    let (fits, wanted) = match field.holds {
        Holds::Id => (matches!(found.kind.as_str(), "smallint" | "integer" | "bigint"), "a whole number"),
        Holds::Time => (found.kind.starts_with("timestamp") || found.kind == "date", "a time"),
        Holds::Text => (true, ""),
    };
    if fits {
        return Ok(Some(found.name.clone()));
    }
    Err(format!("{name} as {wanted}: the column {} is {}", found.name, found.kind))
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
