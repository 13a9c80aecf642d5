package peer

// The paths of the protocol. A shard's path ends with its root in hex.
const (
	pathStatus     = "/v1/status"
	pathManifest   = "/v1/manifest"
	pathAudit      = "/v1/audit"
	pathShards     = "/v1/shards/"
	pathRetain     = "/v1/shards/retain"
	pathSuperblock = "/v1/superblock"
)
