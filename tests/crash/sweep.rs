//! Many runs of the story, each ended in another way: a table of what came of them.

use std::{collections::BTreeMap, sync::Arc};

use connect_guard::crash::Point;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    length::{Done, only},
    lists::{Compared, Lists, Told},
    run::{Ends, Run},
    stage::Before,
    store::Stores,
    story::{Story, USERS},
};

/// Runs at once: they wait more than they work.
const AT_ONCE: usize = 6;

/// A run in which nothing ends: how often each point is passed, and who is told of which change.
pub struct Plain {
    pub passes: BTreeMap<&'static str, usize>,
    pub told: Told,
}

/// One run to be made.
pub struct Case {
    pub name: String,
    pub before: Before,
    pub ends: Vec<Ends>,
    /// The step after whose answer it ends.
    pub end_after: Option<&'static str>,
    /// Whether it ends for certain.
    pub certain: bool,
}

/// Those runs.
pub struct Sweep {
    /// Where their ledgers are.
    pub stores: Stores,
    /// Who is told of what was made.
    pub told: BTreeMap<Before, Told>,
    pub done: Done,
}

impl Plain {
    /// A run that ends in these ways first.
    pub async fn of(stores: &Stores, before: Before, ends: Vec<Ends>) -> Self {
        let passed =
            Point::ALL.iter().fold(String::new(), |all, point| all + ";" + point.name() + "=return(pass)");
        let ends = ends.into_iter().chain([Ends { points: passed, ..Ends::default() }]).collect();
        let run = Run::new(stores, USERS, before, ends).await;
        let said = Story { run: &run, end_after: None, said: Vec::new() }.tell().await;
        let lists = Lists::of(&run).await;
        let (log, told) = (run.log().await, lists.told());
        lists.compare(&said, &told).unwrap_or_else(|why| panic!("without an end: {why}\n{said:?}\n{log}"));
        let often = |point: &Point| log.lines().filter(|line| passed_at(line, point.name())).count();
        Self { passes: Point::ALL.iter().map(|point| (point.name(), often(point))).collect(), told }
    }
}

impl Sweep {
    /// Makes the runs that were not made before, and prints what came of each. Gives how many ended; fails when the lists
    /// of one are not equal, or one did not end that had to.
    pub async fn over(&self, cases: Vec<Case>) -> usize {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut under_way = JoinSet::new();
        let asked_for = |case: &Case| !self.done.has(&case.name) && only(&case.name);
        for case in cases.into_iter().filter(asked_for) {
            let (told, room, stores) = (self.told[&case.before].clone(), room.clone(), self.stores.clone());
            under_way.spawn(async move {
                let _room = room.acquire_owned().await.unwrap();
                let (ended, answers, compared) = made(&stores, &case, &told).await;
                (case, ended, answers, compared)
            });
        }
        let (mut faults, mut all) = (Vec::new(), 0);
        while let Some(result) = under_way.join_next().await {
            let (Case { name, certain, .. }, ended, answers, compared) = result.unwrap();
            all += usize::from(ended > 0);
            let came_of_it = match &compared {
                Ok(compared) => format!("{ended:>4} {compared}  {answers}"),
                Err(why) => format!("{ended:>4} {why}"),
            };
            println!("{name:<24} {came_of_it}");
            match compared {
                Ok(_) if ended == 0 && certain => faults.push(format!("{name}: it did not end")),
                Ok(_) => self.done.add(&name, &came_of_it),
                Err(why) => faults.push(format!("{name}: {why}")),
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        all
    }

    /// What stands above the table.
    pub fn heading() {
        println!("{:<24} {:>4} {}  other answers", "where it ends", "ends", Compared::HEADING);
    }
}

/// Makes a run, and compares the lists.
async fn made(stores: &Stores, case: &Case, told: &Told) -> (usize, String, Result<Compared, String>) {
    let run = Run::new(stores, USERS, case.before, case.ends.clone()).await;
    let said = Story { run: &run, end_after: case.end_after, said: Vec::new() }.tell().await;
    let compared = Lists::of(&run).await.compare(&said, told);
    let ended = run.ended();
    if let Err(why) = &compared {
        eprintln!("{}: {why}\n{said:?}\n{}", case.name, run.log().await);
    }
    let others = said.iter().filter(|one| ![200, 403].contains(&one.status));
    let answers: Vec<_> = others.map(|one| format!("{} {}", one.step, one.status)).collect();
    (ended, answers.join(", "), compared)
}

/// Whether a line says that a point was passed.
fn passed_at(line: &str, name: &str) -> bool {
    line.contains(" passed ") && line.ends_with(&format!("point=\"{name}\""))
}
