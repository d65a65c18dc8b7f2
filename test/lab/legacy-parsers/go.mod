module legacy-parsers

go 1.21

// The parsers themselves are taken from these releases when the program is built, with the digests of their modules:
//release v0.9.6 h1:ylNx61bfBBNlFsBfxHpTSgtHQJ0j/TFnStW3NesXGc0=
//release v0.10.3 h1:aEHTZDYlaIA4HQeGF+kZ/qxpmIZ7CF3lBGC8Rg/aXVg=
//release v0.11.0 h1:ieWQ7/6NOwtno7R6/5QBtOop+Ad1u9bUX7BhtVmN54E=
//release v0.12.1 h1:zHaGPnfnQUHBRf4LD6ISyvklnGbkPftuyAvU/41CuBg=

// What the parsers stand on, in the versions that those releases were built with.
require (
	github.com/mikioh/ipaddr v0.0.0-20190404000644-d465c8ab6721
	github.com/pkg/errors v0.9.1
	gopkg.in/yaml.v2 v2.4.0
	k8s.io/apimachinery v0.20.2
)

require (
	github.com/go-logr/logr v0.2.0 // indirect
	github.com/gogo/protobuf v1.3.1 // indirect
	github.com/google/gofuzz v1.1.0 // indirect
	github.com/json-iterator/go v1.1.10 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.1 // indirect
	golang.org/x/net v0.0.0-20201110031124-69a78807bb2b // indirect
	golang.org/x/text v0.3.4 // indirect
	gopkg.in/inf.v0 v0.9.1 // indirect
	k8s.io/klog/v2 v2.4.0 // indirect
	sigs.k8s.io/structured-merge-diff/v4 v4.0.2 // indirect
)
