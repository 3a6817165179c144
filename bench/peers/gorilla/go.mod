module github.com/kzfast/kzfast/bench/peers/gorilla

go 1.26.0

toolchain go1.26.8

require github.com/gorilla/websocket v1.5.3
