// A member of hashicorp/memberlist that is told on stdin what to do, one command a line, and says on stdout, one JSON
// object a line, what it sees: events as they come, and an answer to each command.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

var output sync.Mutex

func say(values map[string]any) {
	output.Lock()
	defer output.Unlock()
	line, err := json.Marshal(values)
	if err != nil {
		fail("Cannot write JSON", err)
	}
	fmt.Println(string(line))
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}

type events struct{}

func (events) NotifyJoin(node *memberlist.Node) {
	say(map[string]any{"event": "join", "name": node.Name})
}
func (events) NotifyLeave(node *memberlist.Node) {
	say(map[string]any{"event": "leave", "name": node.Name})
}
func (events) NotifyUpdate(node *memberlist.Node) {
	say(map[string]any{"event": "update", "name": node.Name})
}

type metadata struct{ text string }

func (m *metadata) NodeMeta(int) []byte             { return []byte(m.text) }
func (*metadata) NotifyMsg([]byte)                  {}
func (*metadata) GetBroadcasts(_, _ int) [][]byte   { return nil }
func (*metadata) LocalState(bool) []byte            { return nil }
func (*metadata) MergeRemoteState(_ []byte, _ bool) {}

func main() {
	config := memberlist.DefaultLANConfig()
	meta := &metadata{}
	flag.StringVar(&config.Name, "name", "", "")
	flag.StringVar(&config.BindAddr, "address", "127.0.0.1", "")
	flag.IntVar(&config.BindPort, "port", 7946, "")
	flag.DurationVar(&config.ProbeInterval, "probe-interval", config.ProbeInterval, "")
	flag.DurationVar(&config.ProbeTimeout, "probe-timeout", config.ProbeTimeout, "")
	flag.DurationVar(&config.PushPullInterval, "push-pull-interval", config.PushPullInterval, "")
	flag.BoolVar(&config.EnableCompression, "compression", true, "")
	flag.StringVar(&meta.text, "metadata", "", "")
	keys := flag.String("keys", "", "hexadecimal, the primary first, with commas between")
	verbose := flag.Bool("verbose", false, "")
	flag.Parse()
	config.AdvertiseAddr, config.AdvertisePort = config.BindAddr, config.BindPort
	config.Events, config.Delegate = events{}, meta
	config.LogOutput = io.Discard
	if *verbose {
		config.LogOutput = os.Stderr
	}
	if *keys != "" {
		texts := strings.Split(*keys, ",")
		ring, err := memberlist.NewKeyring(nil, decode(texts[0]))
		for _, text := range texts[1:] {
			if err == nil {
				err = ring.AddKey(decode(text))
			}
		}
		if err != nil {
			fail("Cannot use the keys", err)
		}
		config.Keyring = ring
	}
	list, err := memberlist.Create(config)
	if err != nil {
		fail("Cannot start", err)
	}
	say(map[string]any{"event": "ready"})

	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		words := strings.Fields(commands.Text())
		if len(words) == 0 {
			continue
		}
		answer := map[string]any{"answer": words[0]}
		var err error
		switch words[0] {
		case "join":
			answer["joined"], err = list.Join(words[1:])
		case "members":
			names := []string{}
			for _, node := range list.Members() {
				names = append(names, node.Name+"="+string(node.Meta))
			}
			sort.Strings(names)
			answer["members"] = names
		case "health":
			answer["score"] = list.GetHealthScore()
		case "metadata":
			meta.text = strings.Join(words[1:], " ")
			err = list.UpdateNode(time.Second)
		case "add-key":
			err = config.Keyring.AddKey(decode(words[1]))
		case "use-key":
			err = config.Keyring.UseKey(decode(words[1]))
		case "remove-key":
			err = config.Keyring.RemoveKey(decode(words[1]))
		case "leave":
			err = list.Leave(time.Second)
		default:
			err = fmt.Errorf("no command %s", words[0])
		}
		if err != nil {
			answer["error"] = err.Error()
		}
		say(answer)
	}
}

func decode(text string) []byte {
	octets, err := hex.DecodeString(text)
	if err != nil {
		fail("Cannot read a key", err)
	}
	return octets
}
