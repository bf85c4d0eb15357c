//! Deployments on Zero-OS nodes.
