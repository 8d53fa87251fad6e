// SPDX-License-Identifier: Apache-2.0
using Weir.Policy;
using Weir.Services.Reading;

namespace Weir.Services;

/// <summary>A service as an operator wants it. Backends are either listed or selected by label.</summary>
public sealed record ServiceSpec
{
    public const int LongestName = 253;
    public const int MostFrontends = 256;
    public const int MostBackends = 4096;

    /// <summary>Seven days.</summary>
    public const int MostAffinitySeconds = 7 * 24 * 60 * 60;

    /// <summary>What the names of published ports begin with.</summary>
    public const string PublishedPrefix = "docker/";

    /// <summary>Letters, digits and . _ - / between them.</summary>
    public required string Name { get; init; }

    public IReadOnlyList<Frontend> Frontends { get; init; } = [];

    /// <summary>Empty when <see cref="Selector"/> says who they are.</summary>
    public IReadOnlyList<BackendSpec> Backends { get; init; } = [];

    /// <summary>Endpoints of this host that are its backends; null: they are listed.</summary>
    public EndpointSelector? Selector { get; init; }

    /// <summary>Where the selected endpoints listen; 0 without a selector.</summary>
    public ushort TargetPort { get; init; }

    public ServiceMode Mode { get; init; }

    /// <summary>How long a client keeps its backend after its last packet; 0: no affinity.</summary>
    public int AffinitySeconds { get; init; }

    /// <summary>Null: every backend counts as healthy.</summary>
    public HealthCheck? HealthCheck { get; init; }

    /// <summary>Where it is written; null: on a command line.</summary>
    public SourceLocation? Source { get; init; }

    /// <summary>Whether the selector selects an endpoint with these labels; false without a selector.</summary>
    public bool Selects(LabelSet labels) =>
        Selector is { } selector && selector.Requirements.All(requirement => requirement.Matches(labels));

    /// <summary>Everything that is wrong with it or worth a warning.</summary>
    /// <param name="published">It stands for a published port: it may have loopback frontends and a reserved name.</param>
    public IReadOnlyList<Problem> Validate(bool published = false) =>
        [.. ServiceRules.Check(this, published).Select(fault => new Problem(Source, $"service \"{Name}\": {fault.Message}", fault.IsWarning ? Severity.Warning : Severity.Error))];

    /// <summary>As <see cref="Validate"/> for each, and what is wrong between them: names and frontends that are there twice.</summary>
    public static IReadOnlyList<Problem> ValidateAll(IReadOnlyList<ServiceSpec> services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return
        [
            .. services.SelectMany(service => service.Validate()),
            .. ServiceRules.CheckTogether(services).Select(fault => new Problem(services[fault.Service].Source, fault.Message, Severity.Error)),
        ];
    }
}
