//! The clock at the edge.
