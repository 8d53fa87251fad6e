// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Weir.Agent.Hubble;
using Weir.Agent.Peers;
using Weir.Cli;
using Weir.Control;
using Weir.Control.Past;
using Weir.Docker;
using Weir.Flows;
using Weir.Flows.Hubble;
using Weir.Linux;
using Weir.Store;
using Weir.Store.Etcd;

namespace Weir.Agent;

/// <summary>Puts the agent together and runs it.</summary>
internal sealed class AgentHost : IDisposable
{
    private const int MostMessage = TextFile.MostBytes + (1024 * 1024); // with the files' names

    private static readonly TimeSpan _answerInFlight = TimeSpan.FromSeconds(1);

    private readonly AgentConfig _config;
    private readonly FileLock _alone;
    private readonly FileLock _pinsAlone;
    private readonly ILoggerFactory _logs; // of what is put together before the application is, and outlives it
    private readonly AgentSockets _sockets;
    private readonly MetricsDoor _metrics;
    private readonly HubbleDoor _hubble;
    private readonly RecordStore _durable;
    private readonly RecordStore _runtime;
    private readonly Datapath.Datapath _datapath;
    private readonly FlowHub _flows;
    private readonly FlowRecorder _recorder;
    private readonly HistoryDesk _history;
    private readonly EtcdKeyValues? _shared;
    private readonly PeerDoors _peers;
    private readonly ProxySupervisor _proxy;
    private readonly ControlPlane _control;
    private readonly Maintenance _maintenance;
    private readonly WebApplication _app;
    private readonly ILogger _log;

    /// <summary>Brings kernel and records into agreement; nothing is served yet.</summary>
    /// <exception cref="LinuxException">EAGAIN: another agent runs.</exception>
    internal AgentHost(AgentConfig config)
    {
        _config = config;
        AgentSockets.MakeFolder(config);
        _alone = FileLock.Acquire(LockFile(config.RunFolder));
        _pinsAlone = LockPins(config.Datapath.PinRoot);
        _logs = LoggerFactory.Create(logging => Describe(logging, config));
        _hubble = new HubbleDoor(config, _logs.CreateLogger("Weir.Agent"));
        _sockets = new AgentSockets(config, _hubble.Socket);
        _metrics = new MetricsDoor(config.Metrics, _logs.CreateLogger("Weir.Agent"));
        ILogger storeLog = _logs.CreateLogger("Weir.Store");
        _durable = OpenStore(config.StateFolder, isDurable: true, storeLog);
        _runtime = OpenStore(StateIn(config.RunFolder), isDurable: false, storeLog);
        _datapath = Datapath.Datapath.Open(config.Datapath);
        _datapath.SetJudgesHttp(config.Control.HttpVerdict == HttpVerdict.Auto && _datapath.MayJudgeHttp);
        _peers = new PeerDoors(config.Control.Cluster, config.NodePort, config.StateFolder, () => _control!.Cluster!.Nodes);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = "/" });
        AddLogging(builder, config);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(Listen);
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = MostMessage;
            options.Interceptors.Add<CallBorder>();
            options.Interceptors.Add<CallerRights>();
            options.Interceptors.Add<NodeRelay>();
        }).AddServiceOptions<ObserverService>(options => options.MaxReceiveMessageSize = ObserverService.MostQuestion);

        _shared = config.Control.Cluster is null ? null : EtcdKeyValues.Start(config.Shared, _logs.CreateLogger("Weir.Store.Etcd"));
        _proxy = new ProxySupervisor(config, _datapath, _logs.CreateLogger("Weir.Agent.Proxy"));
        _control = new ControlPlane(
            config.Control with { Cluster = config.Control.Cluster is { } node ? node with { Door = _peers.Door } : null },
            _durable,
            _runtime,
            _shared,
            _datapath,
            _proxy,
            TimeProvider.System,
            _logs.CreateLogger("Weir.Control"));
        _control.Restore();
        ILogger flowLog = _logs.CreateLogger("Weir.Flows");
        _flows = new FlowHub(_datapath, e => Log.ThreadFailed(flowLog, "reading events", e));
        _proxy.Start(_flows);
        var decoder = new FlowDecoder(_control.Flows, TimeProvider.System);
        var edges = new TcpEdges(one => decoder.Decode(in one), TimeProvider.System);
        _flows.Ended = edges.Add;
        var record = new RecordOptions(config.RecordFolder) { Mode = config.Record, MostBytes = config.RecordBytes, Longest = config.RecordFor };
        _recorder = new FlowRecorder(_flows, decoder, record, () => _flows.Lost, TimeProvider.System, text => Log.RecordWarns(flowLog, text), e => Log.ThreadFailed(flowLog, "writing down flows", e));
        _history = _control.OpenHistory(record, TimeProvider.System, text => Log.RecordWarns(flowLog, text), e => Log.ThreadFailed(flowLog, "writing down the history", e));

        // What is still being answered when the agent is told to stop has so long; then it is cut off.
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = _answerInFlight);
        builder.Services.Configure<SocketTransportOptions>(_peers.Provide);
        builder.Services.AddSingleton(_peers);
        builder.Services.AddSingleton(_proxy);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(config);
        builder.Services.AddSingleton(_control);
        builder.Services.AddSingleton(_datapath);
        builder.Services.AddSingleton(_flows);
        builder.Services.AddSingleton(decoder);
        builder.Services.AddSingleton(edges);
        builder.Services.AddSingleton(_recorder);
        builder.Services.AddSingleton(_history);
        builder.Services.AddSingleton(services => new Maintenance(_control, services.GetRequiredService<ILogger<Maintenance>>()));
        builder.Services.AddSingleton(new DockerClient(config.DockerSocket));
        builder.Services.AddSingleton<AliasReader>();
        builder.Services.AddHostedService(services => services.GetRequiredService<AliasReader>());
        builder.Services.AddSingleton<DockerWatcher>();
        builder.Services.AddHostedService(services => services.GetRequiredService<DockerWatcher>());
        builder.Services.AddHostedService<SharedNetworks>();
        builder.Services.AddSingleton<NetworkDriver>();
        builder.Services.AddSingleton<IpamDriver>();
        builder.Services.AddSingleton<PluginApi>();
        builder.Services.AddSingleton<DatapathTables>();
        builder.Services.AddSingleton(_metrics);
        builder.Services.AddSingleton<MetricsReader>();
        builder.Services.AddSingleton(_hubble);
        builder.Services.AddSingleton(new HubbleWriter(new HubbleContext(_control, config), decoder));
        builder.Services.AddSingleton<ObserverService>();
        builder.Services.AddSingleton(VersionNote.Take(config.StateFolder, ProductVersion.Text, TimeProvider.System.GetUtcNow()));
        builder.Services.AddSingleton<StatusReader>();
        builder.Services.AddSingleton<BalancerAnswers>();
        builder.Services.AddSingleton<PublishAnswers>();
        builder.Services.AddSingleton<ClusterAnswers>();
        builder.Services.AddSingleton<AgentService>();
        builder.Services.AddSingleton<ReplayService>();
        builder.Services.AddSingleton<MeasureService>();
        _app = builder.Build();
        _log = _app.Services.GetRequiredService<ILogger<AgentHost>>();
        _maintenance = _app.Services.GetRequiredService<Maintenance>();
        MetricsReader metrics = _app.Services.GetRequiredService<MetricsReader>();
        _app.Use((context, next) => _metrics.AnswerAsync(context, next, metrics.Read));
        _app.Use(PeerDoors.BoundAsync);
        _app.Use(HubbleDoor.KeepApartAsync);
        _app.MapGrpcService<AgentService>();
        _app.MapGrpcService<ReplayService>();
        _app.MapGrpcService<MeasureService>();
        _app.MapGrpcService<ObserverService>();
        _app.MapGrpcService<HealthService>();
        _app.MapGrpcService<ReflectionService>();
        _app.MapGrpcService<OlderReflectionService>();

        // The plugin's socket speaks HTTP/1.1 only, the command line's HTTP/2 only: neither serves the other.
        PluginApi plugin = _app.Services.GetRequiredService<PluginApi>();
        _app.MapFallback("{**path}", context => HttpProtocol.IsHttp11(context.Request.Protocol)
            ? plugin.HandleAsync(context)
            : Task.CompletedTask);
    }

    /// <summary>Held by the agent that runs.</summary>
    internal static string LockFile(string runFolder) => Path.Combine(runFolder, "agent.lock");

    /// <summary>Holds what outlives the agent's restart only.</summary>
    internal static string StateIn(string runFolder) => Path.Combine(runFolder, "state");

    /// <summary>Another agent, with sockets and state elsewhere, would take what is pinned there for its own.</summary>
    /// <exception cref="LinuxException">EAGAIN: one does.</exception>
    internal static FileLock LockPins(string folder)
    {
        Bpf.BpfFileSystem.EnsureFolder(folder);
        return FileLock.AcquireFolder(folder);
    }

    /// <summary>Serves until it is told to stop by SIGTERM or SIGINT.</summary>
    internal async Task RunAsync()
    {
        _datapath.AwaitJudge();
        Directory.CreateDirectory(Path.GetDirectoryName(_config.PluginSocket)!);
        _sockets.Clear();
        using (CreationMask.OwnerOnly())
        {
            // A socket is used from the moment it is bound: whoever may, is let in below.
            await _app.StartAsync();
        }

        _sockets.Share(_log);
        _control.Cluster?.Start();
        ServiceManagerNotice.Ready();
        Log.Serving(_log, ProductVersion.Text, _config.Socket, _config.PluginSocket);
        await _app.WaitForShutdownAsync();
        ServiceManagerNotice.Stopping();
        Log.Stopping(_log);
        _sockets.Clear();
        if (_app.Services.GetRequiredService<DockerWatcher>().ExecuteTask is { IsFaulted: true } failed)
        {
            await failed; // it was not told to stop
        }
    }

    public void Dispose()
    {
        ((IDisposable)_app).Dispose();
        _metrics.Dispose();
        _maintenance.Dispose();
        _proxy.Dispose();
        _history.Dispose();
        _recorder.Dispose();
        _flows.Dispose();
        _control.Dispose();
        _peers.Dispose();
        _shared?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _datapath.Dispose();
        _runtime.Dispose();
        _durable.Dispose();
        _pinsAlone.Dispose();
        _alone.Dispose();
        _logs.Dispose();
    }

    private static RecordStore OpenStore(string folder, bool isDurable, ILogger log) =>
        new(FileKeyValues.Open(folder, new FileStoreOptions { IsDurable = isDurable, Warn = text => Log.StoreWarns(log, text) }));

    private static void AddLogging(WebApplicationBuilder builder, AgentConfig config) => Describe(builder.Logging, config);

    private static void Describe(ILoggingBuilder logging, AgentConfig config)
    {
        logging.SetMinimumLevel(config.LogLevel);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Grpc", LogLevel.Error);
        if (config.JsonLog)
        {
            logging.AddJsonConsole(options => options.UseUtcTimestamp = true);
        }
        else
        {
            logging.AddSimpleConsole(options =>
            {
                options.SingleLine = true;
                options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                options.UseUtcTimestamp = true;
            });
        }
    }

    private void Listen(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = 1024 + PeerGate.MostOpen;
        _sockets.Listen(kestrel);
        _metrics.Listen(kestrel);
        _hubble.Listen(kestrel);
        _peers.Listen(kestrel);
    }
}
