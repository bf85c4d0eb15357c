//! The pretended node index, made from the chain and the nodes.
