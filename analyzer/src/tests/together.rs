//! A query that runs once for many bundles gives each of them the rows that it gives alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::util::display::array_value_to_string;
use futures::future::join_all;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::plans::{PlannedCheck, Plans};
use crate::sandbox::{Catalog, Contents, Dialect, LateQuery, LateTable, RunError, Together, plan, session};
use crate::{Options, Pack};

/// Rows of the tables `a` (`k`, `v`) and `b` (`k`, `w`).
type Bundle = (Vec<(Option<i64>, Option<String>)>, Vec<(Option<i64>, Option<i64>)>);

/// What checks do, and more.
const QUERIES: &[&str] = &[
    "SELECT k, v FROM a",
    "SELECT v FROM a WHERE k > 0 ORDER BY k, v",
    "SELECT 1 AS one",
    "SELECT 'none' AS x WHERE NOT EXISTS (SELECT 1 FROM a)",
    "SELECT a.v, b.w FROM a JOIN b ON a.k = b.k",
    "SELECT a.v, b.w FROM a LEFT JOIN b ON a.k = b.k",
    "SELECT a.v, b.w FROM a RIGHT JOIN b ON a.k = b.k",
    "SELECT a.v, b.w FROM a FULL JOIN b ON a.k = b.k",
    "SELECT a.v, b.w FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k",
    "SELECT a.v, b.w FROM a CROSS JOIN b",
    "SELECT a.v, b.w FROM a LEFT JOIN b ON a.k < b.w",
    "SELECT a.v, b.w FROM a LEFT JOIN b ON a.k = b.k AND b.w > 1 WHERE b.w IS NULL",
    "SELECT x.k AS one, y.k AS other FROM a x JOIN a y ON x.v = y.v",
    "SELECT count(*) AS n FROM a",
    "SELECT count(k) AS n, max(v) AS v, sum(k) AS s, bool_or(k > 1) AS b, min(k) + count(*) AS m FROM a",
    "SELECT count(*) FILTER (WHERE k > 0) AS n FROM a",
    "SELECT count(*) AS n FROM a WHERE FALSE",
    "SELECT v, count(*) AS n FROM a GROUP BY v",
    "SELECT v, max(k) AS k FROM a GROUP BY v HAVING count(*) > 1",
    "SELECT count(*) AS n FROM a GROUP BY 1 + 1",
    "SELECT max(n) AS n FROM (SELECT v, count(*) AS n FROM a GROUP BY v) g",
    "SELECT DISTINCT v FROM a",
    "SELECT count(DISTINCT v) AS n FROM a",
    "SELECT v, count(DISTINCT k) AS n FROM a GROUP BY v",
    "SELECT DISTINCT ON (v) v, k FROM a ORDER BY v, k",
    "SELECT string_agg(v, ', ' ORDER BY k, v) AS t FROM a",
    "SELECT array_agg(k ORDER BY k) AS t FROM a",
    "SELECT v, first_value(k ORDER BY k DESC) AS k FROM a GROUP BY v",
    "SELECT k FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k)",
    "SELECT k FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.w > 0)",
    "SELECT k FROM a WHERE EXISTS (SELECT 1 FROM b)",
    "SELECT k FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE w > 1)",
    "SELECT k FROM a WHERE k IN (SELECT k FROM b)",
    "SELECT k, (SELECT count(*) FROM b WHERE b.k = a.k) AS n FROM a",
    "SELECT k AS x, k AS y FROM a UNION ALL SELECT w AS p, k AS q FROM b",
    "SELECT k FROM a UNION SELECT w FROM b",
    "SELECT k FROM a EXCEPT SELECT k FROM b",
    "SELECT k FROM a INTERSECT SELECT k FROM b",
    "SELECT k, count(*) AS n FROM (SELECT k FROM a UNION ALL SELECT k FROM b) u GROUP BY k",
    "SELECT v, row_number() OVER (PARTITION BY v ORDER BY k) AS r FROM a",
    "SELECT v, lag(k) OVER (ORDER BY k, v) AS before, sum(k) OVER (ORDER BY k) AS s FROM a",
    "SELECT v, n FROM (SELECT v, rank() OVER (ORDER BY k) AS n FROM a) r WHERE n = 1",
    "SELECT max(k) OVER (PARTITION BY v) AS m, count(*) OVER (PARTITION BY k) AS n FROM a",
    "WITH n AS (SELECT count(*) AS n FROM a) SELECT n.n, b.w FROM n CROSS JOIN b",
    "WITH n AS (SELECT count(*) AS n FROM a), m AS (SELECT max(w) AS w FROM b) SELECT n, w FROM n CROSS JOIN m",
    "SELECT 'few' AS x FROM (SELECT count(*) AS n FROM a) c WHERE c.n < 2 UNION ALL SELECT v FROM a WHERE k = 2",
    "SELECT a.v, coalesce(m.w, -1) AS w FROM a LEFT JOIN (SELECT k, max(w) AS w FROM b GROUP BY k) m ON a.k = m.k",
    "SELECT a.k FROM a JOIN (SELECT max(k) AS k FROM a) last ON a.k = last.k",
    "SELECT CASE WHEN count(*) = 0 THEN 'none' ELSE max(v) END AS x FROM a JOIN b ON a.k = b.k",
    // The engine's rules turn these into other queries, where they are applied twice.
    "SELECT a.k, a.v, b.k AS bk, b.w, c.k AS ck FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k \
     LEFT JOIN b c ON b.w = c.w WHERE c.k > 0",
    "SELECT a.k, b.k AS bk, b.w, c.k AS ck, c.w AS cw, d.k AS dk, d.w AS dw FROM a JOIN b ON a.k = b.k \
     LEFT JOIN (b c JOIN b d ON c.k = d.k) ON a.k + b.w = c.w + d.w WHERE c.w > 0",
    "SELECT s.k FROM (SELECT a.k AS k, a.v AS v, CAST(b.w AS VARCHAR) AS t \
     FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k) s WHERE s.v = s.t",
    "SELECT v, count(*) OVER (ORDER BY k ROWS UNBOUNDED PRECEDING) AS n FROM a",
    "SELECT k FROM a WHERE k > 0 AND regexp_like(v, '^[xy]$') OR k / 2 = 1",
    // These run for each bundle alone.
    "SELECT k FROM a WHERE k <> 0 AND 10 / k > 1",
    "SELECT k, (SELECT max(w) FROM b) AS w FROM a",
    "SELECT k FROM a WHERE k = (SELECT max(k) FROM a)",
    "SELECT k FROM a WHERE k NOT IN (SELECT w FROM b WHERE w IS NOT NULL)",
    "SELECT v FROM a ORDER BY v LIMIT 1",
    "SELECT k FROM a WHERE k NOT IN (SELECT w FROM b)",
    "SELECT v, count(*) AS n FROM a GROUP BY ROLLUP (v)",
    "SELECT unnest(make_array(k, k)) AS k FROM a",
    "SELECT column1 AS x FROM (VALUES (1), (2)) AS t",
];

fn rows(batches: Result<Vec<RecordBatch>, RunError>) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches.unwrap() {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
            rows.push(cells.collect::<Vec<_>>().join(" | "));
        }
    }
    rows.sort();
    rows
}

fn tables((a, b): &Bundle) -> [RecordBatch; 2] {
    let numbers = |values: Vec<Option<i64>>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let texts: ArrayRef = Arc::new(StringArray::from(a.iter().map(|(_, v)| v.clone()).collect::<Vec<_>>()));
    let a = [("k", numbers(a.iter().map(|(k, _)| *k).collect()), true), ("v", texts, true)];
    let b = [
        ("k", numbers(b.iter().map(|(k, _)| *k).collect()), true),
        ("w", numbers(b.iter().map(|(_, w)| *w).collect()), true),
    ];
    [a, b].map(|columns| RecordBatch::try_from_iter_with_nullable(columns).unwrap())
}

fn contents(bundle: &Bundle) -> Arc<Contents> {
    let mut contents = Contents::default();
    for (name, batch) in ["a", "b"].into_iter().zip(tables(bundle)) {
        // In two batches, or in none.
        let half = batch.num_rows() / 2;
        let parts = [batch.slice(0, half), batch.slice(half, batch.num_rows() - half)];
        contents.fill(name, crate::sandbox::Rows::Held(parts.into_iter().filter(|part| part.num_rows() > 0).collect()));
    }
    Arc::new(contents)
}

async fn queries() -> Vec<Arc<LateQuery>> {
    let mut catalog = Catalog::new(None).unwrap();
    for (name, batch) in ["a", "b"].into_iter().zip(tables(&Bundle::default())) {
        catalog.add(name, Arc::new(LateTable::new(name, batch.schema()))).unwrap();
    }
    let context = session(&catalog, Dialect::Check, &Options::default().limits()).unwrap();
    let mut queries = Vec::new();
    for sql in QUERIES {
        let query = plan(&context, Dialect::Check, "test", sql, catalog.names()).await;
        let query = query.unwrap_or_else(|error| panic!("{sql}: {error}"));
        queries.push(Arc::new(LateQuery::new(query, context.clone())));
    }
    queries
}

fn bundle() -> impl Strategy<Value = Bundle> {
    let number = || prop::option::weighted(0.8, 0..4i64);
    let text = prop::option::weighted(0.8, "[xyz]");
    (prop::collection::vec((number(), text), 0..6), prop::collection::vec((number(), number()), 0..6))
}

#[test]
fn many_bundles_have_the_rows_that_each_has_alone() {
    let runtime = Runtime::new().unwrap();
    let (limits, queries) = (Options::default().limits(), runtime.block_on(queries()));
    let ran = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(40), |(bundles in prop::collection::vec(bundle(), 1..7))| {
        let many: Vec<Arc<Contents>> = bundles.iter().map(contents).collect();
        for (query, sql) in queries.iter().zip(QUERIES) {
            let Some(of_all) = runtime.block_on(query.run_for_many(many.clone(), &limits)) else { continue };
            ran.set(ran.get() + 1);
            for (contents, of_each) in many.iter().zip(of_all) {
                let alone = runtime.block_on(query.alone(contents, &limits));
                prop_assert_eq!(rows(Ok(of_each)), rows(alone), "{}", sql);
            }
        }
    });
    assert!(ran.get() > 1000, "{ran:?}");
    let alone = queries.iter().zip(QUERIES).filter(|(query, _)| runtime.block_on(query.plan_for_many()).is_none());
    let alone: Vec<&str> = alone.map(|(_, sql)| *sql).collect();
    assert_eq!(alone, QUERIES[QUERIES.len() - 9..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_wait_for_each_other_and_for_no_other() {
    let queries = queries().await;
    let (limits, together) = (Options::default().limits(), Together::default());
    let seats: Vec<_> = (0..9).map(|number| (number, together.seat())).collect();
    let judged = seats.into_iter().map(|(number, seat)| {
        let (queries, together) = (&queries, &together);
        async move {
            let contents = contents(&(vec![(Some(number), Some(number.to_string()))], vec![]));
            let mut answers = Vec::new();
            // One of them asks nothing, and one does not ask all that the others ask.
            for (place, query) in queries.iter().enumerate() {
                if number == 0 || number == 1 && place % 3 == 0 {
                    continue;
                }
                answers.push(rows(query.run(&contents, &limits, Some(together)).await));
                assert_eq!(answers.last(), Some(&rows(query.alone(&contents, &limits).await)));
            }
            drop(seat);
            answers.len()
        }
    });
    let judged = join_all(judged).await;
    assert_eq!(judged.first(), Some(&0));
    assert!(judged[2..].iter().all(|answers| *answers == QUERIES.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_whose_query_fails_fails_alone() {
    let mut catalog = Catalog::new(None).unwrap();
    let [a, _] = tables(&Bundle::default());
    catalog.add("a", Arc::new(LateTable::new("a", a.schema()))).unwrap();
    let context = session(&catalog, Dialect::Check, &Options::default().limits()).unwrap();
    let sql = "SELECT 6 / k AS x FROM a";
    let query = plan(&context, Dialect::Check, "test", sql, catalog.names()).await.unwrap();
    let query = Arc::new(LateQuery::new(query, context));
    let together = Together::default();
    let seats: Vec<_> = (0..8).map(|number| (number, together.seat())).collect();
    let answers = seats.into_iter().map(|(number, _seat)| {
        let (query, together) = (&query, &together);
        async move {
            let contents = contents(&(vec![(Some(number), None)], vec![]));
            query.run(&contents, &Options::default().limits(), Some(together)).await
        }
    });
    let answers = join_all(answers).await;
    assert!(matches!(answers[0], Err(RunError::Engine { .. })), "{:?}", answers[0]);
    for (number, answer) in answers.into_iter().enumerate().skip(1) {
        assert_eq!(rows(answer), [(6 / number).to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_that_ship_run_for_many_bundles_at_once() {
    let pack = Pack::embedded().unwrap();
    let plans = Plans::new(&pack, &Options::default()).await.unwrap();
    for view in &plans.views.views {
        assert!(view.query.plan_for_many().await.is_some(), "{}", view.name);
    }
    let mut alone = Vec::new();
    for (planned, check) in plans.checks.iter().zip(pack.checks()) {
        let PlannedCheck::Here(query) = planned else { panic!("it ships, and has a process of its own") };
        if query.plan_for_many().await.is_none() {
            alone.push(check.header.id.as_str());
        }
    }
    // It makes a regular expression of a port, and the engine may find that no expression.
    assert_eq!(alone, ["network.unhealthy-targets"]);
}
