// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Reading;

namespace Weir.Services.Reading;

/// <summary>Where the parts of a service are written.</summary>
internal sealed class ServiceNodes(Fields fields)
{
    /// <summary>A node for each member of <see cref="ServiceSpec.Frontends"/>.</summary>
    public List<Node> Frontends { get; } = [];

    /// <summary>A node for each member of <see cref="ServiceSpec.Backends"/>.</summary>
    public List<Node> Backends { get; } = [];

    /// <summary>The place of a part; the whole service's when the part is not written.</summary>
    public Node Of(ServiceField field, int index) => field switch
    {
        ServiceField.Frontends => index >= 0 ? Frontends[index] : Written("frontends"),
        ServiceField.Backends => index >= 0 ? Backends[index] : Written("backends"),
        ServiceField.Name => Written("name"),
        ServiceField.Selector => Written("selector"),
        ServiceField.TargetPort => Written("targetPort"),
        ServiceField.Affinity => Written("affinity"),
        ServiceField.HealthCheck => Written("healthCheck"),
        _ => fields.Node,
    };

    private Node Written(string name) => fields[name] ?? fields.Node;
}
