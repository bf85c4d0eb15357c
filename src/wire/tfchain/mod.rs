//! The chain: extrinsics, storage and events of TFChain.
