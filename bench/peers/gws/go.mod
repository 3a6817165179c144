module github.com/kzfast/kzfast/bench/peers/gws

go 1.26.0

toolchain go1.26.8

require github.com/lxzan/gws v1.9.1

require github.com/klauspost/compress v1.17.9 // indirect
