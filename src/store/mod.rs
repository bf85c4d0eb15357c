//! Everything we remember: typed tables on redb, snapshot reads, one writer.
