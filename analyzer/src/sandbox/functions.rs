//! The functions that a query may call.
//!
//! All are immutable: the same arguments give the same value on every machine and in every year. What
//! is left out on purpose: clocks, randomness, versions; approximations; transcendental mathematics,
//! whose last digit differs between platforms; and functions that make long texts of short ones, which the memory
//! limit does not see.

use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::ScalarUDF;
use datafusion_functions_json::udfs as json;

/// Whose rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A check: its answer must be the same for ever.
    Check,
    /// A person's question to a bundle: approximations and unordered samples are their own business.
    Question,
}

const SCALAR: &[&str] = &[
    "abs",
    "array_any_value",
    "array_append",
    "array_compact",
    "array_concat",
    "array_distinct",
    "array_element",
    "array_except",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_intersect",
    "array_length",
    "array_max",
    "array_min",
    "array_position",
    "array_positions",
    "array_prepend",
    "array_remove",
    "array_remove_all",
    "array_replace",
    "array_replace_all",
    "array_slice",
    "array_sort",
    "array_to_string",
    "array_union",
    "ascii",
    "bit_length",
    "btrim",
    "cardinality",
    "ceil",
    "character_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "date_bin",
    "date_part",
    "date_trunc",
    "ends_with",
    "find_in_set",
    "floor",
    "from_unixtime",
    "gcd",
    "get_field",
    "greatest",
    "initcap",
    "json_as_text",
    "json_contains",
    "json_get_bool",
    "json_get_int",
    "json_get_str",
    "json_length",
    "lcm",
    "least",
    "left",
    "lower",
    "ltrim",
    "make_array",
    "make_date",
    "named_struct",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_match",
    "reverse",
    "right",
    "round",
    "rtrim",
    "signum",
    "split_part",
    "starts_with",
    "string_to_array",
    "strpos",
    "struct",
    "substr",
    "substr_index",
    "to_char",
    "to_date",
    "to_hex",
    "to_timestamp",
    "to_timestamp_millis",
    "to_timestamp_seconds",
    "to_unixtime",
    "translate",
    "trunc",
    "upper",
];

/// Besides [`SCALAR`], for a person's question.
const SCALAR_QUESTION: &[&str] = &[
    "array_dims",
    "array_ndims",
    "array_reverse",
    "arrow_cast",
    "arrow_typeof",
    "factorial",
    "flatten",
    "isnan",
    "iszero",
    "log",
    "map",
    "map_entries",
    "map_extract",
    "map_keys",
    "map_values",
    "nanvl",
    "pi",
    "power",
    "to_timestamp_micros",
    "to_timestamp_nanos",
    "sqrt",
    "exp",
    "ln",
    "log2",
    "log10",
    "cbrt",
];

const AGGREGATE: &[&str] = &[
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "count",
    "first_value",
    "grouping",
    "last_value",
    "max",
    "min",
    "nth_value",
    "string_agg",
    "sum",
];

const AGGREGATE_QUESTION: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "median",
    "percentile_cont",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
];

const WINDOW: &[&str] =
    &["dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "rank", "row_number"];

/// Functions that are refused by name, each with the reason and the replacement.
const REFUSED: &[(&[&str], &str, &str)] = &[
    (
        &["now", "current_timestamp", "current_date", "current_time", "today", "localtime", "localtimestamp"],
        "reads the clock: the verdict would change from day to day",
        "use target.window_to, the moment of the last snapshot",
    ),
    (&["random", "rand"], "gives another value at every run", "order by a column of the evidence instead"),
    (&["uuid", "gen_random_uuid"], "gives another value at every run", "use an id of the evidence, such as task_arn"),
    (&["version"], "depends on the engine, not on the evidence", "remove it: the verdict names the engine's version"),
    (
        &["input_file_name", "file_row_index"],
        "depends on how the bundle is stored",
        "use a key of the table, such as snapshot",
    ),
    (
        &["arrow_typeof", "arrow_cast", "arrow_try_cast"],
        "shows the engine's own types",
        "use CAST, whose types are those of SQL",
    ),
    (
        &[
            "stddev",
            "stddev_pop",
            "stddev_samp",
            "var",
            "var_pop",
            "var_samp",
            "corr",
            "covar_pop",
            "covar_samp",
            "median",
        ],
        "computes with floating-point numbers, whose sums depend on their order",
        "use sum, min, max or count over integers",
    ),
    (
        &[
            "repeat",
            "lpad",
            "rpad",
            "replace",
            "regexp_replace",
            "overlay",
            "array_repeat",
            "array_resize",
            "range",
            "generate_series",
        ],
        "makes long values of short ones, which no limit sees in time",
        "use concat, substr, split_part, translate or regexp_match",
    ),
    (&["levenshtein"], "may take hours for two long texts", "use regexp_like or contains"),
    (
        &["approx_distinct", "approx_median", "approx_percentile_cont", "approx_percentile_cont_with_weight"],
        "approximates",
        "use the exact count(DISTINCT ...), min or max",
    ),
];

const ORDERED_AGGREGATES: &[&str] = &["array_agg", "first_value", "last_value", "nth_value", "string_agg"];

impl Dialect {
    pub(crate) fn allows_scalar(self, name: &str) -> bool {
        SCALAR.contains(&name) || self == Self::Question && SCALAR_QUESTION.contains(&name)
    }

    pub(crate) fn allows_aggregate(self, name: &str) -> bool {
        AGGREGATE.contains(&name) || self == Self::Question && AGGREGATE_QUESTION.contains(&name)
    }

    #[expect(clippy::unused_self, reason = "the same windows for all, asked in the same way as the other lists")]
    pub(crate) fn allows_window(self, name: &str) -> bool {
        WINDOW.contains(&name)
    }

    /// The reason why a function is refused by name, and its replacement.
    pub(crate) fn refusal(self, name: &str) -> Option<(&'static str, &'static str)> {
        if self.allows_scalar(name) || self.allows_aggregate(name) {
            return None;
        }
        REFUSED.iter().find(|(names, ..)| names.contains(&name)).map(|(_, why, instead)| (*why, *instead))
    }
}

/// Whether the aggregate's answer depends on the order of its rows.
pub(crate) fn needs_order(aggregate: &str) -> bool {
    ORDERED_AGGREGATES.contains(&aggregate)
}

/// Whether the window function gives rows that are equal in its order the same value.
pub(crate) fn ranks_peers(window: &str) -> bool {
    matches!(window, "rank" | "dense_rank")
}

/// Every scalar function that some query may call: the engine's own, and those over JSON texts.
pub(crate) fn scalars() -> impl Iterator<Item = Arc<ScalarUDF>> {
    let json = [
        json::json_as_text_udf(),
        json::json_contains_udf(),
        json::json_get_bool_udf(),
        json::json_get_int_udf(),
        json::json_get_str_udf(),
        json::json_length_udf(),
    ];
    SessionStateDefaults::default_scalar_functions().into_iter().chain(json)
}

/// The functions of a check, for the reference page: scalar, aggregate, window.
pub(crate) fn documented() -> [&'static [&'static str]; 3] {
    [SCALAR, AGGREGATE, WINDOW]
}

#[cfg(test)]
mod tests {
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::logical_expr::Volatility;

    use super::*;

    #[test]
    fn every_listed_function_exists_and_is_immutable() {
        let defaults = SessionStateBuilder::new_with_default_features().build();
        for name in SCALAR.iter().chain(SCALAR_QUESTION) {
            // By its name: an alias finds nothing.
            let function = scalars().find(|function| function.name() == *name);
            let function = function.unwrap_or_else(|| panic!("{name} does not exist, or is an alias"));
            assert_eq!(function.signature().volatility, Volatility::Immutable, "{name}");
        }
        for name in AGGREGATE.iter().chain(AGGREGATE_QUESTION) {
            let function = defaults.aggregate_functions().get(*name).unwrap_or_else(|| panic!("{name} does not exist"));
            assert_eq!(function.name(), *name, "{name} is an alias: list the name");
        }
        for name in WINDOW {
            assert!(defaults.window_functions().contains_key(*name), "{name} does not exist");
        }
    }

    #[test]
    fn what_is_refused_by_name_is_on_no_list_of_checks() {
        for (names, ..) in REFUSED {
            for name in *names {
                assert!(!Dialect::Check.allows_scalar(name) && !Dialect::Check.allows_aggregate(name), "{name}");
                assert!(Dialect::Check.refusal(name).is_some());
            }
        }
    }

    #[test]
    fn a_new_engine_brings_no_function_that_nobody_looked_at() {
        // Functions that exist and are on no list. An upgrade of the engine shows here.
        let left_out: Vec<String> = scalars()
            .map(|function| function.name().to_owned())
            .filter(|name| !Dialect::Question.allows_scalar(name))
            .collect();
        insta::assert_snapshot!(left_out.join(" "));
    }
}
