//go:build !amd64

package seal

var implementations = []implementation{portable}
