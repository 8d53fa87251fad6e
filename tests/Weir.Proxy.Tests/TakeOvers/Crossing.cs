// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Proxy.Tests.Memory;
using Weir.Testing;
using Xunit;

namespace Weir.Proxy.Tests.TakeOvers;

/// <summary>
/// A client and a server with a host between them that forwards what they say, and a proxy there. Connections to port 80 of
/// the server can be closed off and handed to the proxy, as the datapath does it: netfilter stands in for that.
/// </summary>
internal sealed class Crossing : IDisposable
{
    private const int Port = 80;
    private const int Patience = 20_000;
    private const string First = "GET /first HTTP/1.1\r\nHost: h\r\n\r\n";
    private const string FirstAnswer = "HTTP/1.1 204 No Content\r\n\r\n";
    private const string ToClient = "c";
    private const string ToServer = "s";
    private readonly TestNamespace _client = new();
    private readonly TestNamespace _between = new();
    private readonly TestNamespace _server = new();
    private readonly TestCgroup _cgroup = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-crossing-").FullName;
    private readonly IPEndPoint _address;
    private readonly Socket _listener;
    private readonly Socket _tap;
    private readonly List<Segment> _seen = [];

    /// <param name="sysctls">Of both ends, such as "net.ipv4.tcp_sack=0".</param>
    public Crossing(bool isV6 = false, string sysctls = "", int mostConnections = 100, params HttpRule[] rules)
    {
        foreach ((TestNamespace end, string device, byte number) in ((TestNamespace, string, byte)[])[(_client, ToClient, 1), (_server, ToServer, 2)])
        {
            _between.Run(() =>
            {
                using var links = new RtnetlinkSocket();
                links.CreateVeth(device, "e", [2, 0, 0, 0, number, 1], [2, 0, 0, 0, number, 2], number == 1 ? 1400 : 1500);
                links.MoveLink(links.GetLink("e")!.Index, end.Descriptor);
            });
            Shell(_between, $"ip link set {device} up; ip address add 10.9.{number}.1/24 dev {device}; ip address add fd09:{number}::1/64 dev {device} nodad");
            Shell(end, $"ip link set lo up; ip link set e up; ip address add 10.9.{number}.2/24 dev e; ip address add fd09:{number}::2/64 dev e nodad; ip route add default via 10.9.{number}.1; ip route add default via fd09:{number}::1"
                + (sysctls.Length == 0 ? "" : $"; sysctl -qw {sysctls}"));
        }

        int mark = (int)ProxyMark.MarkToProxy;
        Shell(_between, "ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.c.rp_filter=0 net.ipv4.conf.s.rp_filter=0"
            + $"; ip rule add fwmark {mark} lookup 99; ip route add local default dev lo table 99; ip -6 rule add fwmark {mark} lookup 99; ip -6 route add local default dev lo table 99");
        _address = new IPEndPoint(IPAddress.Parse(isV6 ? "fd09:2::2" : "10.9.2.2"), Port);
        _listener = _server.Run(() => new Socket(_address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        _listener.Bind(_address);
        _listener.Listen(100);
        _tap = _between.Run(() => new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)0x0300)); // ETH_P_ALL
        _tap.ReceiveBufferSize = 1 << 22;

        HttpPolicy policy = new([.. rules.Select((rule, i) => new HttpAllowance((uint)i + 1, rule))], false);
        Flows.Policy = policy.Id;
        var options = new ProxyOptions { PinRoot = "", Version = "", Workers = 2, Socket = _folder + "/proxy.sock", MostConnectionsPerEndpoint = mostConnections };
        Proxy = new ProxyServer(options, [_between.Run(() => TcpSocket.ListenTransparent(new IPEndPoint(IPAddress.Loopback, 0), 16, (uint)ProxyMark.MarkFromProxy))], Flows);
        var message = new Api.ProxyPolicies();
        message.Policies.Add(PolicySnapshot.ToMessage(policy));
        Proxy.Enforce(message);
        _between.Run(Proxy.Start);
    }

    public MemoryFlows Flows { get; } = new();

    public ProxyServer Proxy { get; }

    /// <summary>Opens a connection, over which the first request and its answer have gone.</summary>
    public (Socket Client, Socket Server) Connect()
    {
        Socket client = _client.Run(() => new Socket(_address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        client.Connect(_address);
        Socket server = _listener.Accept();
        foreach (Socket end in (Socket[])[client, server])
        {
            (end.ReceiveTimeout, end.SendTimeout) = (Patience, Patience);
        }

        Say(client, First);
        Assert.Equal(First, Hear(server, First.Length));
        Say(server, FirstAnswer);
        Assert.Equal(FirstAnswer, Hear(client, FirstAnswer.Length));
        // Nothing is on its way still once both ends have acknowledged everything.
        Assert.True(SpinWait.SpinUntil(() => Find(IsLastAcknowledged) is not null, Patience));
        return (client, server);

        bool IsLastAcknowledged(Segment s) => s.Source.Equals(client.LocalEndPoint) && s.Data.Length == 0 && See().LastOrDefault(o => o.Destination.Equals(s.Source) && o.Data.Length > 0) is { } answer && s.Acknowledged == answer.Number + (uint)answer.Data.Length;
    }

    /// <summary>Opens a connection that the server's kernel gives to nobody before something was said on it.</summary>
    public Socket ConnectToDeferring()
    {
        const int Tcp = 6;
        const int DeferAccept = 9;
        _listener.SetRawSocketOption(Tcp, DeferAccept, BitConverter.GetBytes(120));
        Socket client = _client.Run(() => new Socket(_address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        client.Connect(_address);
        return client;
    }

    /// <summary>The server's end of a connection, once it is there.</summary>
    public Socket Accept()
    {
        Assert.True(_listener.Poll(Patience * 1000, SelectMode.SelectRead), "no connection has come");
        Socket server = _listener.Accept();
        (server.ReceiveTimeout, server.SendTimeout) = (Patience, Patience);
        return server;
    }

    /// <summary>Nothing that either end says arrives from here on.</summary>
    public void CloseWay() => Nft("iifname c tcp dport 80 drop", "iifname s tcp sport 80 drop");

    /// <summary>The ends speak with one another again.</summary>
    public void OpenWay() => Nft();

    /// <summary>What the datapath tells of a connection whose client has said something into the closed way.</summary>
    public (TakeOver Event, byte[] Received) Dropped(Socket client)
    {
        var source = (IPEndPoint)client.LocalEndPoint!;
        Segment last = Await(s => s.Source.Equals(source) && s.Data.Length > 0 && s.Number >= NextOf(source));
        Segment opening = Await(s => s.Source.Equals(source) && (s.Flags & Segment.Syn) != 0);
        Segment answer = Await(s => s.Destination.Equals(source) && (s.Flags & Segment.Syn) != 0);
        byte[] received = last.Data[..Math.Min(last.Data.Length, (int)TakeOverLimit.Bytes)];
        bool hasStamps = opening.Stamp is not null && answer.Stamp is not null;
        return (new TakeOver
        {
            Client = IpAddr.From(source.Address),
            Server = IpAddr.From(_address.Address),
            ClientPort = (ushort)source.Port,
            ServerPort = Port,
            Seq = last.Number,
            Ack = last.Acknowledged,
            ClientStamp = last.Stamp ?? 0,
            ServerStamp = last.EchoedStamp ?? 0,
            Length = (ushort)received.Length,
            ClientMss = opening.Mss ?? 0,
            ServerMss = answer.Mss ?? 0,
            ClientWindow = last.Window,
            ClientScale = opening.Scale ?? (byte)HttpFlowLimit.HttpNoScale,
            ServerScale = answer.Scale ?? (byte)HttpFlowLimit.HttpNoScale,
            Flags = (opening.HasSack && answer.HasSack ? TakeOverFlag.Sack : 0) | (hasStamps ? TakeOverFlag.Stamps : 0)
                | (last.Number == opening.Number + 1 ? TakeOverFlag.First : 0),
        }, received);

        // Behind what the server has acknowledged.
        uint NextOf(IPEndPoint of) => See().Where(s => s.Destination.Equals(of)).Max(s => s.Acknowledged);
    }

    /// <summary>Has the proxy take a connection over, and leads its packets there.</summary>
    /// <returns>How often it was asked for that.</returns>
    public int TakeOver((TakeOver Event, byte[] Received) dropped, bool isWanted = true)
    {
        using var asked = new SemaphoreSlim(0);
        using var led = new SemaphoreSlim(0);
        int count = 0;
        using var reader = new TakeOverReader(Proxy);
        bool Complete(IPEndPoint client, IPEndPoint server)
        {
            // No process may be started on a thread that is in the namespace.
            count++;
            asked.Release();
            led.Wait();
            return isWanted;
        }

        var thread = new Thread(() =>
        {
            _between.Run(() => reader.TakeOver(in dropped.Event, dropped.Received, Complete));
            asked.Release();
        });
        thread.Start();
        asked.Wait();
        if (isWanted && thread.IsAlive && count > 0)
        {
            int mark = (int)ProxyMark.MarkToProxy;
            Nft($"iifname c tcp dport 80 meta mark set {mark}", $"iifname s tcp sport 80 meta mark set {mark}");
        }

        led.Release();
        thread.Join();
        return count;
    }

    /// <summary>Segments with a reset so far.</summary>
    public int Resets() => See().Count(s => (s.Flags & Segment.Rst) != 0);

    /// <summary>How often an end did not take a segment for its time stamp.</summary>
    public int OldStamps() => ((TestNamespace[])[_client, _server]).Sum(end => int.Parse(Shell(end, "nstat -asz TcpExtPAWSEstab").Last().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>All that was seen so far.</summary>
    public IReadOnlyList<Segment> See()
    {
        byte[] frame = new byte[1 << 17];
        while (_tap.Available > 0)
        {
            int length = _tap.Receive(frame);
            if (Segment.Read(frame.AsSpan(0, length)) is { } segment)
            {
                _seen.Add(segment);
            }
        }

        return _seen;
    }

    public static void Say(Socket end, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[end.Send(bytes)..];
        }
    }

    public static void Say(Socket end, string text) => Say(end, System.Text.Encoding.Latin1.GetBytes(text));

    /// <summary>The next bytes that come, as many as are expected.</summary>
    public static string Hear(Socket end, int count)
    {
        byte[] bytes = new byte[count];
        for (int have = 0; have < count;)
        {
            int received = end.Receive(bytes.AsSpan(have));
            Assert.True(received > 0, $"the connection ended after {have} of {count} bytes");
            have += received;
        }

        return System.Text.Encoding.Latin1.GetString(bytes);
    }

    /// <summary>All that comes until a text does.</summary>
    public static string HearUntil(Socket end, string last)
    {
        string heard = "";
        while (!heard.EndsWith(last, StringComparison.Ordinal))
        {
            heard += Hear(end, 1);
        }

        return heard;
    }

    /// <summary>The other end has said that it sends no more, and nothing before that.</summary>
    public static void HearEnd(Socket end) => Assert.Equal(0, end.Receive(new byte[1]));

    /// <summary>The other end has reset the connection.</summary>
    public static void HearReset(Socket end) => Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => end.Receive(new byte[1])).SocketErrorCode);

    public void Dispose()
    {
        _tap.Dispose();
        _listener.Dispose();
        Proxy.Dispose();
        _cgroup.Dispose();
        _client.Dispose();
        _server.Dispose();
        _between.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Segment? Find(Func<Segment, bool> which) => See().LastOrDefault(which);

    private Segment Await(Func<Segment, bool> which)
    {
        Segment? found = null;
        Assert.True(SpinWait.SpinUntil(() => (found = See().FirstOrDefault(which)) is not null, Patience));
        return found!;
    }

    private void Nft(params string[] rules)
    {
        File.WriteAllText(_folder + "/rules", "table inet way\ndelete table inet way\n"
            + $"table inet way {{\n chain in {{\n  type filter hook prerouting priority -300;\n  {string.Join("\n  ", rules)}\n }}\n}}\n");
        Shell(_between, $"nft -f {_folder}/rules");
    }

    private string[] Shell(TestNamespace place, string script) => _cgroup.Run(place, "sh", "-ec", script);
}
