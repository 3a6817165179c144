package conf_test

import (
	"fmt"

	"github.com/kzfast/kzfast/conf"
)

const echoMember = `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway">
  <service>
    <name>echo</name>
    <accept>ws://${host}/echo</accept>
    <type>echo</type>
    <accept-options><ws.bind>10.0.0.1:8001</ws.bind></accept-options>
  </service>
</gateway-config>`

func ExampleParse() {
	c, ds := conf.Parse("member.xml", []byte(echoMember), conf.Options{
		Define: map[string]string{"host": "Example.com"},
	})
	echo := c.Service("echo")
	fmt.Println(echo.Accepts[0].URI, "@", echo.Accepts[0].Bind, len(ds))
	// Output: ws://example.com:80/echo @ 10.0.0.1:8001 (ws.bind) 0
}

func ExampleDiagnostics() {
	_, ds := conf.Parse("member.xml", []byte(echoMember), conf.Options{})
	fmt.Print(ds)
	// Output: member.xml:4:18: [D-1] error: service "echo": <accept>: parameter ${host} has no value: set it with -D host=... or in the properties block
}

func ExampleRegistry() {
	for _, e := range conf.Registry() {
		if e.Parent == "service type" && e.State == conf.Ignored && e.Name == "jms" {
			fmt.Println(e.Name, "is", e.Status())
		}
	}
	// Output: jms is ignored with warning: it belongs to the Enterprise Edition
}
