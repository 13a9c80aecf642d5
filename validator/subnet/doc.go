// Package subnet is the subnet as the chain last showed it to a validator: the
// metagraph, the settings, and what follows from them for everybody alike: the
// present block, the rules of the score, who may have partitions, and whose
// orders weigh how much.
//
// Reading a metagraph takes long and may fail, so it may be a few blocks old;
// the head is not.
package subnet
