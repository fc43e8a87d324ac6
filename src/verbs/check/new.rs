//! `check new`: a check that works, to be changed.

use std::path::Path;

use casefile_analyzer::Pack;

use crate::cli::PackArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::{is_free, write_file};

const TEMPLATE: &str = include_str!("template.sql");

/// Where it goes where no folder is named.
const FOLDER: &str = "checks";

pub(super) fn run(id: &str, pack: &PackArgs, printer: &Printer) -> Result<Exit, Error> {
    let Some((area, name)) = id.split_once('.').filter(|(area, name)| !area.is_empty() && !name.is_empty()) else {
        return Err(Error::usage(format!("{id:?} is not <area>.<name>: e.g. events.bus-connected")));
    };
    let folder = pack.extra_queries.as_deref().or(pack.queries.as_deref()).unwrap_or(Path::new(FOLDER));
    let path = folder.join(area).join(format!("{name}.sql"));
    let content = TEMPLATE.replace("ID", id);
    // The id is judged by the pack that will read it.
    let file = [(format!("{area}/{name}.sql"), content.clone())].into();
    Pack::from_files(&folder.display().to_string(), file).map_err(|errors| Error::Analyze(errors.into()))?;
    if taken(id) {
        return Err(Error::usage(format!(
            "there is a check {id} already: choose another id, or copy its file to change it (casefile check explain {id})"
        )));
    }
    is_free(&path, "exists already: change it, or choose another id")?;
    write_file(&path, &content)?;
    printer.stdout(&next_steps(id, &path, folder))?;
    Ok(Exit::Pass)
}

fn taken(id: &str) -> bool {
    Pack::embedded().is_ok_and(|pack| pack.check(id).is_some())
}

fn next_steps(id: &str, path: &Path, folder: &Path) -> String {
    format!(
        "{path}\n\nnext: change the query, then\n  casefile check lint --extra-queries {folder}\n  \
         casefile check explain {id} BUNDLE --extra-queries {folder}\n  casefile test --extra-queries {folder}\n\
         what can be asked: casefile query --tables\n",
        path = path.display(),
        folder = folder.display()
    )
}
