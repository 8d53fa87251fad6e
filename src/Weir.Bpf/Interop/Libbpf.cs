// SPDX-License-Identifier: Apache-2.0

using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weir.Bpf.Interop;

/// <summary>The part of libbpf that opens, relocates and loads objects.</summary>
internal static unsafe partial class Libbpf
{
    private const string Library = "libbpf";

    // struct bpf_object *bpf_object__open_mem(const void *buf, size_t sz, const struct bpf_object_open_opts *opts);
    [LibraryImport(Library, EntryPoint = "bpf_object__open_mem", SetLastError = true)]
    internal static partial nint OpenMemory(void* buffer, nuint size, OpenOptions* options);

    // int bpf_object__load(struct bpf_object *obj);
    [LibraryImport(Library, EntryPoint = "bpf_object__load")]
    internal static partial int Load(nint handle);

    // void bpf_object__close(struct bpf_object *obj);
    [LibraryImport(Library, EntryPoint = "bpf_object__close")]
    internal static partial void Close(nint handle);

    // struct bpf_map *bpf_object__next_map(const struct bpf_object *obj, const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_object__next_map")]
    internal static partial nint NextMap(nint handle, nint previous);

    // const char *bpf_map__name(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__name")]
    internal static partial byte* MapName(nint map);

    // bool bpf_map__is_internal(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__is_internal")]
    internal static partial byte MapIsInternal(nint map);

    // enum bpf_map_type bpf_map__type(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__type")]
    internal static partial uint MapType(nint map);

    // __u32 bpf_map__key_size(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__key_size")]
    internal static partial uint MapKeySize(nint map);

    // __u32 bpf_map__value_size(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__value_size")]
    internal static partial uint MapValueSize(nint map);

    // __u32 bpf_map__max_entries(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__max_entries")]
    internal static partial uint MapMaxEntries(nint map);

    // int bpf_map__set_max_entries(struct bpf_map *map, __u32 max_entries);
    [LibraryImport(Library, EntryPoint = "bpf_map__set_max_entries")]
    internal static partial int SetMapMaxEntries(nint map, uint entries);

    // __u32 bpf_map__map_flags(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__map_flags")]
    internal static partial uint MapFlags(nint map);

    // struct bpf_map *bpf_map__inner_map(struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__inner_map")]
    internal static partial nint InnerMap(nint map);

    // __u32 bpf_map__btf_key_type_id(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__btf_key_type_id")]
    internal static partial uint MapKeyType(nint map);

    // __u32 bpf_map__btf_value_type_id(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__btf_value_type_id")]
    internal static partial uint MapValueType(nint map);

    // void *bpf_map__initial_value(struct bpf_map *map, size_t *psize);
    [LibraryImport(Library, EntryPoint = "bpf_map__initial_value")]
    internal static partial void* MapInitialValue(nint map, nuint* size);

    // int bpf_map__reuse_fd(struct bpf_map *map, int fd);
    [LibraryImport(Library, EntryPoint = "bpf_map__reuse_fd")]
    internal static partial int ReuseFd(nint map, int fd);

    // int bpf_map__fd(const struct bpf_map *map);
    [LibraryImport(Library, EntryPoint = "bpf_map__fd")]
    internal static partial int MapFd(nint map);

    // struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *obj, const char *name);
    [LibraryImport(Library, EntryPoint = "bpf_object__find_program_by_name", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint FindProgram(nint handle, string name);

    // int bpf_program__fd(const struct bpf_program *prog);
    [LibraryImport(Library, EntryPoint = "bpf_program__fd")]
    internal static partial int ProgramFd(nint program);

    // struct btf *bpf_object__btf(const struct bpf_object *obj);
    [LibraryImport(Library, EntryPoint = "bpf_object__btf")]
    internal static partial nint ObjectBtf(nint handle);

    // __s32 btf__find_by_name_kind(const struct btf *btf, const char *type_name, __u32 kind);
    [LibraryImport(Library, EntryPoint = "btf__find_by_name_kind", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int FindBtfType(nint btf, string name, uint kind);

    // int btf__load_into_kernel(struct btf *btf);
    [LibraryImport(Library, EntryPoint = "btf__load_into_kernel")]
    internal static partial int LoadBtf(nint btf);

    // int btf__fd(const struct btf *btf);
    [LibraryImport(Library, EntryPoint = "btf__fd")]
    internal static partial int BtfFd(nint btf);

    // const struct btf_type *btf__type_by_id(const struct btf *btf, __u32 id);
    [LibraryImport(Library, EntryPoint = "btf__type_by_id")]
    internal static partial uint* BtfTypeById(nint btf, uint id);

    // const char *btf__name_by_offset(const struct btf *btf, __u32 offset);
    [LibraryImport(Library, EntryPoint = "btf__name_by_offset")]
    internal static partial byte* BtfName(nint btf, uint offset);

    // libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t fn);
    [LibraryImport(Library, EntryPoint = "libbpf_set_print")]
    private static partial nint SetPrint(delegate* unmanaged[Cdecl]<int, byte*, void*, int> print);

    // int vsnprintf(char *str, size_t size, const char *format, va_list ap);
    [LibraryImport("libc", EntryPoint = "vsnprintf")]
    private static partial int Format(byte* target, nuint size, byte* format, void* arguments);

    /// <summary>struct bpf_object_open_opts, up to the fields used.</summary>
    internal struct OpenOptions
    {
        internal nuint Size;
        internal byte* ObjectName;
    }

    /// <summary>What libbpf complains about on this thread, newest last; emptied by reading.</summary>
    internal static class Complaints
    {
        [ThreadStatic]
        private static List<string>? _lines;

        internal static void Clear() => _lines?.Clear();

        internal static string Take()
        {
            string text = _lines is null ? "" : string.Concat(_lines).TrimEnd();
            Clear();
            return text;
        }

        internal static void Add(string line) => (_lines ??= []).Add(line);
    }

#pragma warning disable CA2255 // the resolver must be there before the first call, whichever it is
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Initialize()
    {
        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            // The runtime package of distributions has libbpf.so.1 only. Under NativeAOT it is linked in.
            NativeLibrary.SetDllImportResolver(
                typeof(Libbpf).Assembly,
                static (name, assembly, path) => name == Library ? NativeLibrary.Load("libbpf.so.1", assembly, path) : 0);
        }
    }

    /// <summary>Collects libbpf's warnings instead of letting it write to stderr.</summary>
    internal static void CollectComplaints() => SetPrint(&Print);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Print(int level, byte* format, void* arguments)
    {
        const int Warning = 0;
        const int MostBytes = 4 << 20; // a verifier log; only the pages written are ever touched
        if (level != Warning)
        {
            return 0;
        }

        byte* text = (byte*)NativeMemory.Alloc(MostBytes);
        try
        {
            int length = Format(text, MostBytes, format, arguments);
            Complaints.Add(Marshal.PtrToStringUTF8((nint)text, Math.Clamp(length, 0, MostBytes - 1)));
            return length;
        }
#pragma warning disable CA1031 // nothing may cross into C
        catch (Exception)
#pragma warning restore CA1031
        {
            return 0;
        }
        finally
        {
            NativeMemory.Free(text);
        }
    }
}
