"""Names of TensorRT 8.5, which no table has: those of 8.6.1 but for what 8.6 brought.

From its release notes, as remembered: a guess, unlike the table.
"""

BROUGHT_BY_8_6 = {
    "module": "HardwareCompatibilityLevel ICastLayer INormalizationLayer IReverseSequenceLayer "
    "TempfileControlFlag",
    "Builder": "get_plugin_registry",
    "BuilderFlag": "EXCLUDE_LEAN_RUNTIME FP8 VERSION_COMPATIBLE",
    "DataType": "FP8",
    "IBuilderConfig": "builder_optimization_level hardware_compatibility_level max_aux_streams "
    "plugins_to_serialize",
    "ICudaEngine": "hardware_compatibility_level num_aux_streams",
    "IExecutionContext": "set_aux_streams",
    "INetworkDefinition": "add_cast add_normalization add_reverse_sequence",
    "LayerType": "CAST NORMALIZATION REVERSE_SEQUENCE",
    "OnnxParser": "get_used_vc_plugin_libraries",
    "PreviewFeature": "PROFILE_SHARING_0806",
    "Runtime": "engine_host_code_allowed get_plugin_registry load_runtime tempfile_control_flags "
    "temporary_directory",
}


class NamesOf85:
    """Stands in for `Names` where the version is 8.5."""

    def __init__(self, names):
        self._names = names
        self.classes = names.classes

    def members(self, name, version):
        """Public members of a class."""
        absent = set(BROUGHT_BY_8_6.get(name, "").split())
        if "Layer" in name or name == "ILayer":
            absent.add("metadata")
        return self._names.members(name, "8.6.1") - absent

    def in_module(self, version):
        """Public names in the module."""
        return self._names.in_module("8.6.1") - set(BROUGHT_BY_8_6["module"].split())
