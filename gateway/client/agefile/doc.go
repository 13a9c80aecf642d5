// Package agefile encrypts a file before it leaves its owner's machine, and
// decrypts what comes back. What is stored is an age v1 file
// (https://age-encryption.org/v1), which any tool of that format opens.
package agefile
