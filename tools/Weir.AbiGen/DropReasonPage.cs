// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Weir.Bpf.Btf;

namespace Weir.AbiGen;

/// <summary>The drop reasons for people.</summary>
internal static class DropReasonPage
{
    private const string Enum = "drop_reason";

    internal static string Write(BtfReader abi, HeaderComments comments)
    {
        BtfType type = abi.Find(BtfKind.Enum, Enum) ?? throw new InvalidDataException($"bpf/abi has no enum {Enum}");
        var text = new StringBuilder("""
            # Drop reasons

            Why a packet went no further, as `weir monitor`, `weir flows`, `weir metrics` and `weir_drop_count_total` name it. Made from
            `bpf/abi/drop_reason.h`. What to do about the common ones: [troubleshooting](../guides/troubleshooting.md).

            | reason | what it means |
            |---|---|

            """);
        foreach (BtfMember value in type.Members.Where(member => member.Value != 0))
        {
            text.Append($"| `{Names.Kebab(Names.Short(type, value.Name))}` | {comments.Of(type.Name, value.Name)} |\n");
        }

        return text.ToString();
    }
}
