// Echo and broadcast with gorilla/websocket. Takes what the other servers take: one JSON argument.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/gorilla/websocket"
)

type spec struct {
	App         string `json:"app"`
	Compression bool   `json:"compression"`
}

type room struct {
	mutex   sync.Mutex
	members map[*websocket.Conn]bool
}

var (
	rooms      = map[string]*room{}
	roomsMutex sync.Mutex
)

func roomOf(path string) *room {
	roomsMutex.Lock()
	defer roomsMutex.Unlock()
	if rooms[path] == nil {
		rooms[path] = &room{members: map[*websocket.Conn]bool{}}
	}
	return rooms[path]
}

func (r *room) join(conn *websocket.Conn) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.members[conn] = true
}

func (r *room) leave(conn *websocket.Conn) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.members, conn)
}

// One writer at a time is allowed for a connection: the room's lock sees to it.
func (r *room) broadcast(messageType int, data []byte) {
	message, err := websocket.NewPreparedMessage(messageType, data)
	if err != nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for conn := range r.members {
		conn.WritePreparedMessage(message)
	}
}

func echo(conn *websocket.Conn) {
	for {
		messageType, data, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(messageType, data) != nil {
			return
		}
	}
}

func broadcast(conn *websocket.Conn, path string) {
	r := roomOf(path)
	r.join(conn)
	defer r.leave(conn)
	for {
		messageType, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		r.broadcast(messageType, data)
	}
}

func answerWithMemory() {
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		runtime.GC()
		debug.FreeOSMemory()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		fmt.Printf("{\"heapUsed\":%d,\"external\":%d}\n", stats.HeapAlloc, stats.StackInuse)
	}
}

func main() {
	var given spec
	if err := json.Unmarshal([]byte(os.Args[1]), &given); err != nil {
		panic(err)
	}
	upgrader := websocket.Upgrader{EnableCompression: given.Compression}
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		conn, err := upgrader.Upgrade(response, request, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		if given.App == "echo" {
			echo(conn)
		} else {
			broadcast(conn, request.URL.Path)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go answerWithMemory()
	panic(http.Serve(listener, nil))
}
