// Package wallet reads and writes the wallets of btcli and signs with their
// keys.
//
//	<path>/<name>/coldkey               secret of the owner; may be encrypted
//	<path>/<name>/coldkeypub.txt        its public half
//	<path>/<name>/hotkeys/<hotkey>      secret of a miner or validator
//	<path>/<name>/hotkeys/<hotkey>pub.txt
//
// Files are JSON objects of strings with mode 0600. Every key read is checked
// against the address beside it. Key bytes never leave the package except into
// such a file: a Key signs and derives, and prints as its address.
package wallet
