//go:build !amd64

package merkle

var kernels []kernel
