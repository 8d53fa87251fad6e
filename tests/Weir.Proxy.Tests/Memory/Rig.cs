// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Api;
using Weir.Http.Rules;
using Weir.Linux;
using Xunit;

namespace Weir.Proxy.Tests.Memory;

/// <summary>One connection of a proxy, with a client and a server that a test plays.</summary>
internal sealed class Rig
{
    private const int MostEvents = 100_000;
    private readonly PoliciesInForce _policies = new();
    private readonly List<ProxyAccess> _told = [];
    private readonly Reporter _reporter = new() { WantsAllowed = true };

    public Rig(params HttpRule[] rules)
        : this(isAudit: false, rules.Length == 0 ? [HttpRule.Any] : rules)
    {
    }

    /// <param name="isAudit">The rules refuse nothing.</param>
    public Rig(bool isAudit, params HttpRule[] rules)
        : this(isAudit, isTakenOver: false, isLater: false, rules)
    {
    }

    private Rig(bool isAudit, bool isTakenOver, bool isLater, HttpRule[] rules)
    {
        Put(isAudit, rules);
        Worker = new WorkerState(Sockets, Flows, _policies, _reporter, new ProxyOptions { PinRoot = "", Version = "", Workers = 1 }, (_, _) => IsForgotten = true);
        Client = Sockets.New();
        int? server = isTakenOver ? Sockets.New().Number : null;
        var source = new IPEndPoint(IPAddress.Parse("10.0.0.1"), 40000);
        var destination = new IPEndPoint(IPAddress.Parse("10.0.0.2"), 80);
        Flows.TryFind(source, destination, out var flow);
        Connection = new Connection(Worker, new Tenant(1, source.Address), 0, 1, new Arrival(Client.Number, server, source, destination, isLater), in flow);
        Connection.Begin();
    }

    /// <summary>A connection that begins with both ends.</summary>
    /// <param name="isLater">Requests went before.</param>
    public static Rig TakenOver(bool isLater, params HttpRule[] rules) => new(isAudit: false, isTakenOver: true, isLater, rules.Length == 0 ? [HttpRule.Any] : rules);

    public MemorySockets Sockets { get; } = new();

    public MemoryFlows Flows { get; } = new();

    public WorkerState Worker { get; }

    public Connection Connection { get; }

    public MemorySocket Client { get; }

    /// <summary>The connection to the server; the first use of the server's side fails if there is none.</summary>
    public MemorySocket Server => Sockets.All.Count > 1 ? Sockets.All[^1] : throw new InvalidOperationException("the proxy has no connection to the server");

    public bool HasServer => Sockets.All.Count > 1;

    /// <summary>The worker has let go of the connection.</summary>
    public bool IsForgotten { get; private set; }

    /// <summary>False: nobody looks at requests that are allowed.</summary>
    public bool IsLookedAt { set => _reporter.WantsAllowed = value; }

    /// <summary>What the agent was told, so far.</summary>
    public List<ProxyAccess> Told
    {
        get
        {
            while (_reporter.Messages.TryRead(out var message))
            {
                _told.Add(message.Access);
            }

            return _told;
        }
    }

    /// <summary>Puts other rules in force.</summary>
    public void Allow(params HttpRule[] rules) => Put(isAudit: false, rules);

    /// <summary>Likewise in audit.</summary>
    public void Audit(params HttpRule[] rules) => Put(isAudit: true, rules);

    /// <summary>Puts rules in audit at the sender's end, beside those in force.</summary>
    public void AuditEgress(params HttpRule[] rules)
    {
        uint ingress = Flows.Policy;
        Put(isAudit: true, rules);
        (Flows.EgressPolicy, Flows.Policy) = (Flows.Policy, ingress);
    }

    private void Put(bool isAudit, HttpRule[] rules)
    {
        var policy = new HttpPolicy([.. rules.Select((rule, i) => new HttpAllowance((uint)i + 1, rule))], isAudit);
        var message = new ProxyPolicies();
        message.Policies.Add(PolicySnapshot.ToMessage(policy));
        _policies.Current = _policies.Current.Next(message);
        Flows.Policy = policy.Id;
        Flows.Revision++;
    }

    /// <summary>Handles all events until there are none, as a worker does.</summary>
    public Rig Run()
    {
        for (int count = 0; Next(); count++)
        {
            Assert.True(count < MostEvents, $"the worker spins: {string.Join("; ", Sockets.All)}");
        }

        return this;
    }

    /// <summary>The client says something; all that follows of it happens.</summary>
    public Rig ClientSays(string text)
    {
        Client.Says(text);
        return Run();
    }

    /// <summary>Likewise the server.</summary>
    public Rig ServerSays(string text)
    {
        Server.Says(text);
        return Run();
    }

    /// <summary>Time passes, with a tick at its end.</summary>
    public Rig Wait(int milliseconds)
    {
        Worker.Now += milliseconds;
        if (!IsForgotten)
        {
            Connection.OnTick(policyChanged: false);
        }

        return Run();
    }

    /// <summary>Policy has changed; the worker looks.</summary>
    public Rig PolicyChanged()
    {
        Flows.Revision++;
        Connection.OnTick(policyChanged: true);
        return Run();
    }

    private bool Next()
    {
        bool any = false;
        for (int i = 0; i < Sockets.All.Count && !IsForgotten; i++)
        {
            var socket = Sockets.All[i];
            if (socket.Ready() is var events && events != EpollEvents.None)
            {
                any = true;
                Connection.OnEvent((socket.Token & 1) != 0, events);
            }
        }

        return any;
    }
}
