// Package listing shows runtime metadata to people and, as JSON, to programs:
// calls with their arguments, storage with its keys, constants, events, errors,
// runtime APIs, and the fields of a type.
package listing
