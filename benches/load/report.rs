//! The results: one line of JSON for each as it comes, a table of all at the end.

use std::process::ExitCode;

use serde_json::json;

/// The bound of a figure.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// Told, and held to nothing.
    None,
    AtLeast(f64),
    AtMost(f64),
}

struct Figure {
    group: String,
    name: &'static str,
    value: f64,
    unit: &'static str,
    target: Target,
}

/// The measurements so far.
#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
}

impl Figure {
    fn verdict(&self) -> &'static str {
        let met = match self.target {
            Target::None => return "",
            Target::AtLeast(limit) => self.value >= limit,
            Target::AtMost(limit) => self.value <= limit,
        };
        if met { "PASS" } else { "FAIL" }
    }

    fn target(&self) -> String {
        match self.target {
            Target::None => String::new(),
            Target::AtLeast(limit) => format!("≥ {limit}"),
            Target::AtMost(limit) => format!("≤ {limit}"),
        }
    }
}

impl Report {
    /// Adds a figure and prints it.
    pub fn add(&mut self, group: &str, name: &'static str, value: f64, unit: &'static str, target: Target) {
        let value = (value * 1000.0).round() / 1000.0;
        let figure = Figure { group: group.to_owned(), name, value, unit, target };
        let mut line = json!({"bench": group, "figure": name, "value": value, "unit": unit});
        if !matches!(target, Target::None) {
            line["target"] = json!(figure.target());
            line["verdict"] = json!(figure.verdict());
        }
        println!("{line}");
        self.figures.push(figure);
    }

    /// Prints the table. Fails if a target was missed.
    pub fn finish(self) -> ExitCode {
        println!("\n{:<18} {:<44} {:>12} {:<10} {:>9}", "bench", "figure", "value", "unit", "target");
        let mut group = "";
        for figure in &self.figures {
            if figure.group != group {
                group = &figure.group;
                println!("{}", "-".repeat(103));
            }
            let (value, target) = (format!("{:.1}", figure.value), figure.target());
            let row = format!(
                "{:<18} {:<44} {value:>12} {:<10} {target:>9} {}",
                figure.group,
                figure.name,
                figure.unit,
                figure.verdict()
            );
            println!("{}", row.trim_end());
        }
        let missed = self.figures.iter().filter(|f| f.verdict() == "FAIL").count();
        println!("\n{}", if missed == 0 { "every target is met".to_owned() } else { format!("{missed} missed") });
        ExitCode::from(u8::from(missed > 0))
    }
}
