//! Pretended Zero-OS nodes: they take deployments, run nothing, and answer like the real ones.
