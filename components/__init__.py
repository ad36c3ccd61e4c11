"""Components of Kubeflow Pipelines, by the conventions of kubeflow/pipelines-components: thin shells of the library."""
