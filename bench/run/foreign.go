package run

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/kzfast/kzfast/bench/conf"
)

// nginx and haproxy play the redirecting balancer and the proxy, with one worker
// or thread and the limits a fair comparison needs; everything else is their
// default. Their configurations are written to the output directory.

const nginxConf = `daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx.error.log;
events { worker_connections 19000; }
http {
	access_log off;
	client_body_temp_path %[1]s/nginx.body;
	proxy_temp_path %[1]s/nginx.proxy;
	fastcgi_temp_path %[1]s/nginx.fastcgi;
	uwsgi_temp_path %[1]s/nginx.uwsgi;
	scgi_temp_path %[1]s/nginx.scgi;
	server {
		listen %[2]s backlog=4096;
		location / {
%[3]s
		}
	}
}
`

func nginx(b *Bench, r Role) []string {
	var does string
	switch r {
	case Redirect:
		does = "return 302 " + Location + ";"
	case Proxy:
		does = `proxy_pass http://` + conf.BackWS + `;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_read_timeout 1h;`
	default:
		return nil
	}
	file := b.write("nginx."+string(r)+".conf", fmt.Sprintf(nginxConf, b.Out, conf.Front, does))
	return []string{"nginx", "-e", filepath.Join(b.Out, "nginx.error.log"), "-p", b.Out, "-c", file}
}

const haproxyConf = `global
	nbthread 1
	maxconn 9500
defaults
	mode http
	maxconn 9500
	timeout connect 5s
	timeout client 1h
	timeout server 1h
	timeout tunnel 1h
frontend front
	bind %s backlog 4096
	%s
backend back
	server echo %s
`

func haproxy(b *Bench, r Role) []string {
	var does string
	switch r {
	case Redirect:
		does = "http-request redirect code 302 location " + Location
	case Proxy:
		does = "default_backend back"
	default:
		return nil
	}
	file := b.write("haproxy."+string(r)+".cfg", fmt.Sprintf(haproxyConf, conf.Front, does, conf.BackWS))
	return []string{"haproxy", "-db", "-f", file}
}

// write puts a generated file into the output directory; a fault shows when the
// server does not start.
func (b *Bench) write(name, text string) string {
	path := filepath.Join(b.Out, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.say("%v", err)
	}
	return path
}

func split(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		panic(err) // a constant of ours
	}
	return host, port
}
